"""Batch normalisation with fixed statistics, folded into convolutions: the same answers and gradients."""

import random
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model.training.backbones import backbone
from model.training.batchnorm_folding import Folded
from tests.bundles import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

SIZE = 64
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0, 255, (4, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def same_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the same weights whatever ran before: bfloat16 is too coarse for gradients that happen to be small."""
    random.seed(3)
    monkeypatch.setattr(sys.modules[__name__], "RANDOM", np.random.default_rng(3))


def with_history(model: Any) -> Any:
    """Give every normalisation its own statistics, as after a training."""
    for layer in model.layers:
        if hasattr(layer, "moving_variance"):
            shape = layer.gamma.shape
            scale, variance = RANDOM.uniform(0.5, 1.5, (2, *shape))
            shift, mean = RANDOM.normal(0, 0.2, (2, *shape))
            layer.set_weights([scale, shift, mean, variance])
    return model


def answers_and_gradients(model: Any, answers: Any) -> tuple[npt.NDArray[np.float32], list[npt.NDArray[np.float32]]]:
    def step(images: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = answers(images)
            loss = tf.reduce_mean(tf.square(logits - 1))
        return logits, tape.gradient(loss, model.trainable_variables)

    logits, gradients = tf.function(step, autograph=False)(IMAGES)
    return np.asarray(logits), [np.asarray(gradient) for gradient in gradients]


def check_same(model: Any) -> None:
    logits, gradients = answers_and_gradients(model, lambda images: model(images, training=False))
    folded, of_folded = answers_and_gradients(model, Folded(model))
    np.testing.assert_allclose(folded, logits, atol=1e-5, rtol=1e-5)
    for variable, expected, gradient in zip(model.trainable_variables, gradients, of_folded, strict=True):
        np.testing.assert_allclose(gradient, expected, atol=1e-3 * np.abs(expected).max() + 1e-7, err_msg=variable.path)


def test_a_backbone_answers_and_learns_the_same() -> None:
    check_same(with_history(backbone.classifier("efficientnet-lite0", None, size=SIZE, categories=3)))


def test_what_cannot_be_folded_stays() -> None:
    import keras
    from keras import layers

    pixels = keras.Input((SIZE, SIZE, 3))
    bent = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(pixels))
    twice = layers.DepthwiseConv2D(3, depth_multiplier=2)(bent)
    both = layers.Add()([twice, layers.BatchNormalization()(twice)])
    bare = layers.BatchNormalization(center=False)(layers.Conv2D(5, 1)(both))
    folded = layers.BatchNormalization()(layers.DepthwiseConv2D(3, depth_multiplier=2)(bare))
    model = with_shift(keras.Model(pixels, layers.Dense(2)(layers.GlobalAveragePooling2D()(folded))))

    check_same(model)


def with_shift(model: Any) -> Any:
    """Draw all weights at random, biases too."""
    model.set_weights([RANDOM.uniform(0.1, 0.5, weights.shape) for weights in model.get_weights()])
    return model


def small(dtype: str = "float32") -> Any:
    """Build an expanding, a depthwise and a projecting convolution, each normalised."""
    import keras
    from keras import layers

    pixels = keras.Input((SIZE, SIZE, 3))
    x = pixels
    for convolution in (
        layers.Conv2D(8, 1, use_bias=False, dtype=dtype),
        layers.DepthwiseConv2D(5, strides=2, padding="same", use_bias=False, dtype=dtype),
        layers.Conv2D(4, 1, use_bias=False, dtype=dtype),
    ):
        x = layers.ReLU(max_value=6, dtype=dtype)(layers.BatchNormalization(dtype=dtype)(convolution(x)))
    features = layers.GlobalAveragePooling2D(dtype="float32")(x)
    return with_history(keras.Model(pixels, layers.Dense(3, dtype="float32")(features)))


def test_it_answers_by_the_variables_as_they_are_now() -> None:
    model = small()
    folded = Folded(model)
    before = np.asarray(folded(IMAGES))

    with_history(model)

    assert np.abs(np.asarray(folded(IMAGES)) - before).max() > 0.01
    np.testing.assert_allclose(folded(IMAGES), model(IMAGES, training=False), atol=1e-5, rtol=1e-5)


def test_in_bfloat16_it_is_about_the_same() -> None:
    exact, rounded = small(), small("mixed_bfloat16")
    rounded.set_weights(exact.get_weights())

    logits, gradients = answers_and_gradients(exact, Folded(exact))
    roughly, rough_gradients = answers_and_gradients(rounded, Folded(rounded))

    assert np.abs(roughly - logits).max() < 0.05 * np.abs(logits).max()
    for expected, gradient in zip(gradients, rough_gradients, strict=True):
        assert np.linalg.norm(gradient - expected) < 0.1 * np.linalg.norm(expected)
