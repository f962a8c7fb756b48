"""The two runtimes of a bundle's network: LiteRT (small, quick to start) and TensorFlow (the reference; GPU)."""

import contextlib
import importlib.util
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model.keras_network import compiled, load_network, with_features

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

BATCH = 8
"""Images that LiteRT gets at once: as quick as 64 on one thread, and a single one costs an eighth of them."""
PIXELS = 400_000
"""Pixels that TensorFlow gets at once, in one or more images: a backbone keeps some kilobytes for each."""
TIE = float(np.log(1.2))
"""A difference of logits that leaves two categories within odds of 6 to 5: rounding may decide between them."""


_STARTUP_LINE = re.compile(rb"absl::InitializeLog|oneDNN custom operations|cpu_feature_guard|XNNPACK delegate")
_REDIRECTED = threading.Lock()


class Runtime(Protocol):
    """A running network. Not thread-safe: use one a thread."""

    def run(self, images: Images) -> Floats:
        """Return uint8[N, H, W, C] -> float32[N, K + D]: logits, then features.

        D is 0 for the model.tflite of bundles made before 2026-11-23.
        """


class LiteRT:
    """A .tflite file. Tensors are allocated once, for batches of BATCH; the last batch is padded to it.

    So an image's scores do not depend on how many come with it: float sums differ a little between batch sizes.
    """

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
        source = self._interpreter.get_input_details()[0]
        self._in, self._out = source["index"], self._interpreter.get_output_details()[0]["index"]
        self._interpreter.resize_tensor_input(self._in, [BATCH, *source["shape"][1:]])
        with without_startup_lines():
            self._interpreter.allocate_tensors()
        self._batch = np.zeros([BATCH, *source["shape"][1:]], np.float32)

    def run(self, images: Images) -> Floats:
        starts = range(0, len(images), BATCH)
        parts = [self._run_batch(images[start : start + BATCH]) for start in starts]
        return np.concatenate(parts) if parts else self._run_batch(images)

    def _run_batch(self, images: Images) -> Floats:
        self._batch[: len(images)] = images
        self._batch[len(images) :] = 0
        self._interpreter.set_tensor(self._in, self._batch)
        self._interpreter.invoke()
        outputs: Floats = self._interpreter.get_tensor(self._out)[: len(images)]
        return outputs


@contextlib.contextmanager
def without_startup_lines() -> Iterator[None]:
    """Keep the start-up lines of TensorFlow, absl and LiteRT from standard error; all other lines pass at the end.

    Native code writes them to file descriptor 2, whatever its log level.
    """
    with _REDIRECTED, tempfile.TemporaryFile() as captured:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            for line in captured:
                if not _STARTUP_LINE.search(line):
                    os.write(2, line)


class TensorFlow:
    """A .keras file, as one compiled function of any batch size."""

    def __init__(self, path: Path, threads: int) -> None:
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # once TensorFlow has run, its threads are what they are
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        self._function = compiled(with_features(load_network(path.parent)))

    def run(self, images: Images) -> Floats:
        return np.asarray(self._function(images))


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs for N images of LiteRT, which is what tags: logits float32[N, K] and features float32[N, D].

    D is 0 for bundles made before 2026-11-23. `reference` is TensorFlow's logits float32[N, K], or float32[0, K] where
    it was not run.
    """

    logits: Floats
    features: Floats
    reference: Floats

    @classmethod
    def of(cls, served: Floats, categories: int, reference: Floats | None = None) -> "Outputs":
        """Split `served`, float32[N, K + D] as Runtime.run returns it."""
        logits = served[:, :categories]
        return cls(logits, served[:, categories:], logits[:0] if reference is None else reference)

    def __getitem__(self, rows: slice) -> "Outputs":
        return Outputs(self.logits[rows], self.features[rows], self.reference[rows])

    @property
    def has_reference(self) -> bool:
        return len(self.reference) == len(self.logits)

    @property
    def agreement(self) -> float:
        """Share of the images that both put into the same category; NaN without a reference."""
        if not self.has_reference:
            return float("nan")
        return float(np.mean(self.reference.argmax(1) == self.logits.argmax(1)))

    @property
    def disagreements(self) -> int:
        """Number of images whose LiteRT category is, to the reference, not even a TIE with its best."""
        rows = np.arange(len(self.logits))
        short = self.reference.max(1) - self.reference[rows, self.logits.argmax(1)]
        return int(np.count_nonzero(short > TIE))


def run(folder: Path, images: Images, categories: int, *, reference: bool = True) -> Outputs:
    """Run the networks in a bundle's folder on uint8[N, H, W, C]; TensorFlow too, if `reference`."""
    served = LiteRT(folder / "model.tflite", threads=1).run(images)
    return Outputs.of(served, categories, _reference(folder, images, categories) if reference else None)


def portions(images: Images) -> list[Images]:
    """Cut uint8[N, H, W, C] into parts that TensorFlow has memory for."""
    count = max(1, PIXELS // (images.shape[1] * images.shape[2]))
    return [images[start : start + count] for start in range(0, len(images), count)]


def has_tensorflow() -> bool:
    """Tell whether TensorFlow is installed. Tagging does not need it."""
    return importlib.util.find_spec("tensorflow") is not None


def _reference(folder: Path, images: Images, categories: int) -> Floats:
    network = TensorFlow(folder / "model.keras", threads=os.cpu_count() or 1)
    logits = [network.run(part)[:, :categories] for part in portions(images)]
    return np.concatenate([np.zeros((0, categories), np.float32), *logits])
