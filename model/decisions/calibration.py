"""Calibration: logits divided by a temperature, so that a score of 0.9 is right nine times in ten. Pure numpy."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Turn logits float[N, K] into probabilities float32[N, K]."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def negative_log_likelihood(logits: npt.ArrayLike, labels: npt.NDArray[np.int64], temperature: float) -> float:
    """Return the mean over N images, in nats."""
    scaled = np.asarray(logits, np.float64) / temperature
    top = scaled.max(axis=1)
    log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float(np.mean(log_sum - scaled[np.arange(len(labels)), labels]))


def fit_temperature(logits: npt.ArrayLike, labels: npt.NDArray[np.int64]) -> float:
    """Find the temperature of least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599), between 0.05 and 20.

    The likelihood is convex in 1/T, so a golden-section search finds it.
    """
    low, high, ratio = np.log(0.05), np.log(20.0), (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if negative_log_likelihood(logits, labels, np.exp(left)) < negative_log_likelihood(
            logits, labels, np.exp(right)
        ):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
