"""Networks side by side in one, whose answer is the mean of theirs: an ensemble of one file.

Each tower is trained to be right by itself, so that what one gets wrong by chance the other may not (Lakshminarayanan
et al. 2017, arXiv:1612.01474); what that is worth is in docs/research. As the logits are linear in the features,
the mean of the towers' logits is one dense layer on all of their features.
"""

from typing import Any


def apart(model: Any) -> Any:
    """A keras.Model with the same variables that gives the logits of each tower by itself: a list of float32[N, K].

    A network without towers is returned as it is.
    """
    import keras

    logits = model.get_layer("logits")
    joined = next(layer for layer in model.layers if layer.output is logits.input)
    if not isinstance(joined, keras.layers.Concatenate):
        return model
    return keras.Model(model.input, [logits(_alone(joined.input, at)) for at in range(len(joined.input))])


def _alone(features: list[Any], tower: int) -> Any:
    """All features as they would be if the other towers said nothing and this one spoke for all of them."""
    from keras import ops

    weighed = [len(features) * each if at == tower else 0 * each for at, each in enumerate(features)]
    return ops.concatenate(weighed, axis=-1)
