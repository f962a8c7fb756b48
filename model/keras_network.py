"""A bundle's network as a keras.Model: loaded, with its features beside its logits, mirrored."""

from pathlib import Path
from typing import Any


def with_features(model: Any) -> Any:
    """Return the network with its logits followed by the features these are made of: float32[N, K + D]."""
    import keras

    trained = trained_in(model)
    features = keras.ops.cast(trained.get_layer("logits").input, "float32")
    outputs = keras.Model(trained.input, keras.layers.Concatenate()([trained.output, features]))
    return outputs if trained is model else mirrored(outputs)


def mirrored(model: Any) -> Any:
    """Return a keras.Model that averages the outputs for an image and its mirror image, at twice the work."""
    import keras

    pixels = keras.Input(model.input_shape[1:], name="pixels")
    turned = keras.ops.flip(pixels, axis=2)
    return keras.Model(pixels, keras.layers.Average()([model(pixels), model(turned)]), name="mirrored")


def trained_in(model: Any) -> Any:
    """Return the network that was trained: the one inside a mirrored model, else the model itself."""
    import keras

    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), model)


def compiled(model: Any) -> Any:
    """Return a keras.Model as one tf.function of any batch size, on uint8[N, H, W, C]."""
    import tensorflow as tf

    return tf.function(
        lambda images: model(tf.cast(images, tf.float32), training=False),
        input_signature=[tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8)],
        autograph=False,
    )


def load_network(folder: Path) -> Any:
    """Load the keras.Model of a bundle, as it tags."""
    import keras

    return keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
