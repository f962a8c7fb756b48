"""How the layers of a keras.Model hang together."""

from typing import Any


def readers(model: Any) -> dict[int, list[Any]]:
    """The layers that take each tensor, by the tensor's identity; what no layer takes is not there."""
    found: dict[int, list[Any]] = {}
    for layer in model.layers:
        for tensor in layer.input if isinstance(layer.input, list) else [layer.input]:
            found.setdefault(id(tensor), []).append(layer)
    return found
