"""The layer graph of a keras.Model."""

from typing import Any


def readers(model: Any) -> dict[int, list[Any]]:
    """List the layers that read each tensor, by the tensor's identity; tensors that no layer reads are left out."""
    layers: dict[int, list[Any]] = {}
    for layer in model.layers:
        for tensor in layer.input if isinstance(layer.input, list) else [layer.input]:
            layers.setdefault(id(tensor), []).append(layer)
    return layers
