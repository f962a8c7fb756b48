"""Scores that mean what they say: a temperature, and the threshold above which nobody needs to look. Pure numpy."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
NOTHING_PASSES = 1.01
"""A threshold that no confidence reaches."""


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """float[N, K] -> probabilities float32[N, K]."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: Floats = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def negative_log_likelihood(logits: npt.ArrayLike, labels: npt.NDArray[np.int64], temperature: float) -> float:
    """Mean over N images, in nats."""
    scaled = np.asarray(logits, np.float64) / temperature
    top = scaled.max(axis=1)
    log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float(np.mean(log_sum - scaled[np.arange(len(labels)), labels]))


def fit_temperature(logits: npt.ArrayLike, labels: npt.NDArray[np.int64]) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599), between 0.05 and 20.

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


def threshold_for_precision(confidence: npt.ArrayLike, correct: npt.ArrayLike, precision: float) -> float:
    """The lowest threshold at which `precision` of the images with confidence ≥ threshold are right.

    float[N] and bool[N] -> a confidence, or NOTHING_PASSES when no threshold reaches the precision.
    """
    sure = np.asarray(confidence, np.float64)
    order = np.argsort(-sure, kind="stable")
    sure, right = sure[order], np.cumsum(np.asarray(correct, bool)[order])
    reached = right / np.arange(1, len(sure) + 1) >= precision
    # Equal confidences pass together, so only the last of each run of equals can be a cut.
    last_of_equals = np.append(sure[1:] != sure[:-1], True) if len(sure) else np.zeros(0, bool)
    cuts = np.flatnonzero(reached & last_of_equals)
    return float(sure[cuts[-1]]) if len(cuts) else NOTHING_PASSES
