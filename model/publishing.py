"""From a trained network to a bundle that both runtimes run alike."""

import os
import platform
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model import report
from model.bundle import Bundle
from model.calibration import fit_temperature, softmax
from model.categories import FASHION_MNIST
from model.dataset import Dataset, Split, digest_of
from model.evaluation import evaluate
from model.export import write_networks
from model.novelty import Novelty
from model.policy import Outcome, ReviewPolicy, thresholds
from model.preprocessing import FASHION_MNIST as PREPROCESSING
from model.recipe import Recipe
from model.runtimes import LiteRT, TensorFlow
from model.training import Trained

GOLDEN_IMAGES = 64
AGREEMENT = 0.998  # least share of images that both runtimes put into the same category
FALSE_ALARMS = 0.01  # share of validation images that count as unlike the training
Floats = npt.NDArray[np.float32]


class RuntimesDisagree(Exception):
    """The exported network is not the trained one; no bundle was made."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """What each runtime says about N images: logits, then features, float32[N, K + D] each."""

    tensorflow: Floats
    litert: Floats
    categories: int

    @property
    def logits(self) -> Floats:
        """LiteRT's, as they are the ones that tag; float32[N, K]."""
        return self.litert[:, : self.categories]

    @property
    def features(self) -> Floats:
        """LiteRT's; float32[N, D]."""
        return self.litert[:, self.categories :]

    @property
    def reference(self) -> Floats:
        """TensorFlow's logits, float32[N, K]."""
        return self.tensorflow[:, : self.categories]

    @property
    def agreement(self) -> float:
        return float(np.mean(self.reference.argmax(1) == self.logits.argmax(1)))


def publish(trained: Trained, data: Dataset, recipe: Recipe, folder: Path, *, precision: float = 0.99) -> Bundle:
    """Calibrate on validation, measure on test, export, and save as the bundle `folder`.

    Raises RuntimesDisagree when LiteRT, with int8 weights or float16 ones, differs on over 0.2 % of validation.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as aside:
        made = Path(aside) / folder.name
        made.mkdir()
        validation, weights = _export(trained.model, data.validation, made)
        draft = _calibrated(made, validation, data.validation, precision)
        draft = _knowing(draft, data.train, validation)
        draft = replace(draft, training=_provenance(trained, data, recipe, weights))
        _write_golden(draft, data.validation, validation)
        return bundles.save(_measured(draft, data, validation), folder)


def _export(model: Any, validation: Split, folder: Path) -> tuple[_Answers, str]:
    """Write both networks, the .tflite with the smallest weights that keep its answers."""
    for weights in ("int8", "float16"):
        write_networks(model, folder, weights)
        answers = _ask(folder, validation.images)
        if answers.agreement >= AGREEMENT:
            return answers, weights
    raise RuntimesDisagree(f"LiteRT and TensorFlow agree on {answers.agreement:.4f} of validation: train again")


def _ask(folder: Path, images: npt.NDArray[np.uint8]) -> _Answers:
    """Both runtimes' answers; TensorFlow's in portions, as memory is not endless."""
    reference = TensorFlow(folder / "model.keras", threads=os.cpu_count() or 1)
    portions = [reference.answers(images[at : at + 500]) for at in range(0, len(images), 500)]
    served = LiteRT(folder / "model.tflite", threads=1).answers(images)
    return _Answers(np.concatenate(portions), served, len(FASHION_MNIST))


def _calibrated(folder: Path, answers: _Answers, validation: Split, precision: float) -> Bundle:
    """Temperature and thresholds; what validation came to is kept, so that thresholds can be chosen anew."""
    temperature = round(fit_temperature(answers.logits, validation.labels), 6)
    outcome = Outcome.of(softmax(answers.logits, temperature), validation.labels)
    outcome.write(folder / bundles.VALIDATION)
    found = thresholds(outcome, len(FASHION_MNIST), ReviewPolicy(target_precision=precision))
    return Bundle(
        folder=folder,
        name=folder.name,
        categories=FASHION_MNIST,
        preprocessing=PREPROCESSING,
        temperature=temperature,
        thresholds=tuple(round(each, 6) for each in found),
        target_precision=precision,
    )


def _knowing(draft: Bundle, train: Split, validation: _Answers) -> Bundle:
    """With what tells images unlike the training, and the distance from which on they are."""
    features = LiteRT(draft.folder / "model.tflite", threads=1).answers(train.images)[:, len(draft.categories) :]
    seen = validation.logits, validation.features
    novelty = Novelty.fit(features, train.labels, seen, draft.temperature)
    novelty.write(draft.folder / bundles.NOVELTY)
    threshold = float(np.quantile(novelty.served(*seen), 1 - FALSE_ALARMS))
    return replace(draft, ood={"threshold": round(threshold, 4), "false_alarms": FALSE_ALARMS})


def _measured(draft: Bundle, data: Dataset, validation: _Answers) -> Bundle:
    """With its figures on validation and test, and the report about test."""
    test = _ask(draft.folder, data.test.images)
    scores = softmax(test.logits, draft.temperature)
    Outcome.of(scores, data.test.labels).write(draft.folder / bundles.TEST)
    metrics = {
        "validation": _figures(draft, validation.logits, data.validation),
        "test": _figures(draft, test.logits, data.test),
        "test_data": digest_of(data.test),
        "test_accuracy_tensorflow": round(float(np.mean(test.reference.argmax(1) == data.test.labels)), 4),
        "agreement": {"validation": round(validation.agreement, 5), "test": round(test.agreement, 5)},
        "tflite_bytes": (draft.folder / "model.tflite").stat().st_size,
    }
    report.write(draft.folder / "report", scores, data.test.labels, draft.categories, metrics)
    return replace(draft, metrics=metrics)


def _figures(draft: Bundle, logits: Floats, split: Split) -> dict[str, Any]:
    calibrated = softmax(logits, draft.temperature)
    return evaluate(softmax(logits), calibrated, split.labels, draft.thresholds, draft.categories).as_json()


def _write_golden(draft: Bundle, validation: Split, answers: _Answers) -> None:
    """Some validation images with each runtime's calibrated scores for them."""
    scores = {
        runtime: softmax(logits[:GOLDEN_IMAGES], draft.temperature)
        for runtime, logits in (("litert", answers.logits), ("tensorflow", answers.reference))
    }
    images = validation.images[:GOLDEN_IMAGES]
    np.savez_compressed(
        draft.folder / "golden.npz", images=images, litert=scores["litert"], tensorflow=scores["tensorflow"]
    )


def _provenance(trained: Trained, data: Dataset, recipe: Recipe, weights: str) -> dict[str, Any]:
    """How the bundle came to be: enough to make it again, and nothing that names a person's machine."""
    return {
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": asdict(recipe),
        "parameters": int(trained.model.count_params()),
        "minutes": round(trained.seconds / 60, 2),
        "cpu_minutes": round(trained.cpu_seconds / 60, 2),
        "history": [{key: round(value, 4) for key, value in epoch.items()} for epoch in trained.history],
        "data": {
            "name": "Fashion-MNIST",
            "sha256": data.digest,
            "train": len(data.train),
            "validation": len(data.validation),
        },
        "litert_weights": weights,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {trained.dtype}",
        "versions": {name: metadata.version(name) for name in ("keras", "numpy")}
        | {"python": platform.python_version()},
    }
