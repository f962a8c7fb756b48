"""Logit adjustment for class imbalance; its strength is fitted on validation (Menon et al. 2020, arXiv:2007.07314).

From the logit of each category, strength × log of its share of the training images is subtracted. As one number is
fitted, a few hundred photographs are enough.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model.decisions.calibration import fit_temperature, negative_log_likelihood

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
BALANCED = 0.1  # where no two log shares lie further apart, nothing is adjusted
STRENGTHS = np.linspace(0, 1, 21)  # from no adjustment to the full log share


def log_shares(labels: Labels, categories: int) -> Floats:
    """Return the log share of each category in training labels int64[N], centred on 0.

    A category without images counts as having one.
    """
    counts = np.bincount(labels, minlength=categories)
    logs = np.log(np.maximum(counts, 1))
    centred: Floats = logs - logs.mean()
    return centred


def strength(logits: npt.ArrayLike, labels: Labels, shares: Floats) -> float:
    """Return the one of STRENGTHS with the least negative log-likelihood, each at its best temperature.

    `logits` float[N, K] and `labels` int64[N] are of validation, `shares` as `log_shares` returns them.
    """

    def loss(candidate: float) -> float:
        adjusted = np.asarray(logits, np.float64) - candidate * shares
        return negative_log_likelihood(adjusted, labels, fit_temperature(adjusted, labels))

    return round(float(min(STRENGTHS, key=loss)), 2)


def apply(model: Any, adjustment: Floats) -> None:
    """Subtract float64[K] from the logits of a keras.Model, by changing its last bias."""
    bias = model.get_layer("logits").bias
    bias.assign(np.asarray(bias) - adjustment.astype(np.float32))
