"""To begin a network at the weights of a wider one of the same design, from which the least channels are left out.

What a channel is worth is told by the factor that batch normalisation gives it (Liu et al. 2017, arXiv:1708.06519).
"""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = list[npt.NDArray[Any]]


class OtherDesign(Exception):
    """The two networks differ in more than how many channels they have."""


def take_over(wide: Any, narrow: Any) -> None:
    """Give the keras.Model `narrow` the weights of `wide`, which has as many channels everywhere, or more.

    Where a layer has fewer channels, those with the largest factors are kept; what is added up has to have as many in
    both. Raises OtherDesign, and changes nothing then.
    """
    if [type(layer) for layer in wide.layers] != [type(layer) for layer in narrow.layers]:
        raise OtherDesign
    narrow.set_weights(_narrowed(wide, narrow))


def _narrowed(wide: Any, narrow: Any) -> Weights:
    taken: Weights = []
    kept: npt.NDArray[np.int64] | None = None  # the channels of what comes in, where some were left out
    pairs = [pair for pair in zip(wide.layers, narrow.layers, strict=True) if pair[1].weights]
    following = [old for old, _ in pairs[1:]]
    for (old, new), after in itertools.zip_longest(pairs, following):
        weights, shapes = old.get_weights(), [tuple(each.shape) for each in new.weights]
        if hasattr(old, "kernel"):
            if kept is not None:
                weights[0] = weights[0][..., kept, :]
            many, few = weights[0].shape[-1], shapes[0][-1]
            kept = _largest(after, few) if few < many else None
        taken += [each if kept is None else each[..., kept] for each in weights]
        if [each.shape for each in taken[-len(shapes) :]] != shapes:
            raise OtherDesign
    return taken


def _largest(normalisation: Any, count: int) -> npt.NDArray[np.int64]:
    """Which channels have the largest factors, in order. Raises OtherDesign."""
    if not hasattr(normalisation, "gamma"):
        raise OtherDesign
    factors = np.abs(np.asarray(normalisation.gamma))
    return np.sort(np.argsort(-factors, kind="stable")[:count])
