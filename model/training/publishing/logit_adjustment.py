"""Categories that training shows often are said too often; how much of that is taken back, validation decides.

Logit adjustment (Menon et al. 2020, arXiv:2007.07314): strength × log share of a category is subtracted from its logit.
One number is fitted, so a few hundred photographs are enough.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model.decisions.calibration import fit_temperature, negative_log_likelihood

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
EVEN = 0.1
"""Where no two logarithms of shares lie further apart, there is nothing to take back."""
STRENGTHS = np.linspace(0, 1, 21)
"""From none of it to all."""


def log_shares(labels: Labels, categories: int) -> Floats:
    """int64[N] of training -> float64[K], 0 on average; a category without an image counts as if it had one."""
    counts = np.bincount(labels, minlength=categories)
    logs = np.log(np.maximum(counts, 1))
    centred: Floats = logs - logs.mean()
    return centred


def strength(logits: npt.ArrayLike, labels: Labels, shares: Floats) -> float:
    """Of STRENGTHS the one of least negative log-likelihood, each with the temperature that suits it best.

    `logits` float[N, K] and `labels` int64[N] are of validation, `shares` as `log_shares` gives them.
    """

    def lost(each: float) -> float:
        adjusted = np.asarray(logits, np.float64) - each * shares
        return negative_log_likelihood(adjusted, labels, fit_temperature(adjusted, labels))

    return round(float(min(STRENGTHS, key=lost)), 2)


def apply(model: Any, adjustment: Floats) -> None:
    """Subtract float64[K] from the logits of a keras.Model, for good."""
    bias = model.get_layer("logits").bias
    bias.assign(np.asarray(bias) - adjustment.astype(np.float32))
