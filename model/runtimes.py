"""Two ways to run one network: LiteRT (small, quick to start) and TensorFlow (the reference; GPU)."""

import contextlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model.keras_network import load_network, with_features

Images = npt.NDArray[np.uint8]
Answers = npt.NDArray[np.float32]
BATCH = 8  # images at once: as quick as 64 on one thread (docs/research), and a single one costs an eighth


class Runtime(Protocol):
    """uint8[N, H, W, C] -> float32[N, K + D], logits and then features. Not thread-safe: one a thread.

    Bundles of before 2026-11-23 have no features in their model.tflite: D is 0 there.
    """

    def answers(self, images: Images) -> Answers: ...


class LiteRT:
    """A .tflite file. Tensors are allocated once, for batches of BATCH; the last batch is padded to it.

    So a picture's scores do not depend on how many come with it: float sums differ a little between batch sizes.
    """

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
        source = self._interpreter.get_input_details()[0]
        self._in, self._out = source["index"], self._interpreter.get_output_details()[0]["index"]
        self._interpreter.resize_tensor_input(self._in, [BATCH, *source["shape"][1:]])
        self._interpreter.allocate_tensors()
        self._batch = np.zeros([BATCH, *source["shape"][1:]], np.float32)

    def answers(self, images: Images) -> Answers:
        starts = range(0, len(images), BATCH)
        parts = [self._one_batch(images[at : at + BATCH]) for at in starts]
        return np.concatenate(parts) if parts else self._one_batch(images)

    def _one_batch(self, images: Images) -> Answers:
        self._batch[: len(images)] = images
        self._batch[len(images) :] = 0
        self._interpreter.set_tensor(self._in, self._batch)
        self._interpreter.invoke()
        found: Answers = self._interpreter.get_tensor(self._out)[: len(images)]
        return found


class TensorFlow:
    """A .keras file, as one compiled function of any batch size."""

    def __init__(self, path: Path, threads: int) -> None:
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # once TensorFlow has run, its threads are what they are
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        model = with_features(load_network(path.parent))
        signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8)]
        self._function = tf.function(
            lambda images: model(tf.cast(images, tf.float32), training=False),
            input_signature=signature,
            autograph=False,
        )

    def answers(self, images: Images) -> Answers:
        return np.asarray(self._function(images))
