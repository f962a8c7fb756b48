"""A trained keras.Model -> model.keras and model.tflite, and back."""

import contextlib
import io
from pathlib import Path
from typing import Any


def write_networks(model: Any, folder: Path, weights: str) -> None:
    """Write both files into `folder`.

    model.keras has no optimizer in it, and gives logits. model.tflite takes float32[N, H, W, C] and gives logits and
    features side by side, float32[N, K + D]; its weights are int8 (activations are quantised as they come: "dynamic
    range") or float16.
    """
    model.save(folder / "model.keras", include_optimizer=False)
    (folder / "model.tflite").write_bytes(_tflite(with_features(model), weights))


def with_features(model: Any) -> Any:
    """The network with its logits and, after them, the features that these are made of: float32[N, K + D]."""
    import keras

    trained = trained_in(model)
    features = keras.ops.cast(trained.get_layer("logits").input, "float32")
    answers = keras.Model(trained.input, keras.layers.Concatenate()([trained.output, features]))
    return answers if trained is model else mirrored(answers)


def mirrored(model: Any) -> Any:
    """A keras.Model that gives the mean of what `model` says of an image and of its mirror image: twice the work."""
    import keras

    pixels = keras.Input(model.input_shape[1:], name="pixels")
    turned = keras.ops.flip(pixels, axis=2)
    return keras.Model(pixels, keras.layers.Average()([model(pixels), model(turned)]), name="mirrored")


def trained_in(model: Any) -> Any:
    """The network that was trained: the one inside a mirrored model, else the model itself."""
    import keras

    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), model)


def load_network(folder: Path) -> Any:
    """The keras.Model of a bundle, as it tags."""
    import keras

    return keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)


def _tflite(model: Any, weights: str) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints a page about itself
        return bytes(converter.convert())
