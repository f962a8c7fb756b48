"""From a trained network to a bundle that both runtimes run alike."""

import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model import report
from model.answers import Answers, ask
from model.assessment import assess, figures
from model.bundle import Bundle
from model.calibration import fit_temperature, softmax
from model.categories import FASHION_MNIST
from model.dataset import Dataset, Split, digest_of
from model.export import mirrored, write_networks
from model.network import multiply_adds
from model.novelty import Novelty
from model.policy import Outcome, ReviewPolicy, thresholds
from model.preprocessing import FASHION_MNIST as PREPROCESSING
from model.recipe import Recipe
from model.runtimes import LiteRT
from model.samples import Sample, of_test_set
from model.training import Trained
from model.verdicts import judge

GOLDEN_IMAGES = 64
AGREEMENT = 0.998  # least share of images that both runtimes put into the same category
FALSE_ALARMS = 0.01  # share of validation images that count as unlike the training
Floats = npt.NDArray[np.float32]


class RuntimesDisagree(Exception):
    """The exported network is not the trained one; no bundle was made."""


def publish(
    trained: Trained,
    data: Dataset,
    recipe: Recipe,
    folder: Path,
    *,
    precision: float = 0.99,
    photographs: Path | None = None,
    mirror: bool = True,
    started_from: Mapping[str, Any] | None = None,
) -> Bundle:
    """Calibrate on validation, measure on test, export, and save as the bundle `folder`.

    With `mirror`, the bundle answers with the mean over an image and its mirror image, at twice the work.
    `started_from` is the `training` of the bundle that this training went on from.
    `photographs` is a folder with a sub-folder "hat", to measure `unlike_training` on, too (model.outliers).
    Raises RuntimesDisagree when LiteRT, with int8 weights or float16 ones, differs on over 0.2 % of validation.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as aside:
        made = Path(aside) / folder.name
        made.mkdir()
        answering = mirrored(trained.model) if mirror else trained.model
        validation, weights = _export(answering, data.validation, made)
        draft = _calibrated(made, validation, data.validation, precision)
        draft, novelty = _knowing(draft, data.train, validation)
        made_by = _provenance(trained, data, recipe, weights, mirror) | {"started_from": started_from}
        draft = replace(draft, training=made_by)
        _write_golden(draft, data.validation, validation)
        sample = of_test_set(data.test, draft.preprocessing, photographs)
        return bundles.save(_measured(draft, novelty, data, validation, sample), folder)


def _export(model: Any, validation: Split, folder: Path) -> tuple[Answers, str]:
    """Write both networks, the .tflite with the smallest weights that keep its answers."""
    for weights in ("int8", "float16"):
        write_networks(model, folder, weights)
        answers = ask(folder, validation.images, len(FASHION_MNIST))
        if answers.agreement >= AGREEMENT:
            return answers, weights
    raise RuntimesDisagree(f"LiteRT and TensorFlow agree on {answers.agreement:.4f} of validation: train again")


def _calibrated(folder: Path, answers: Answers, validation: Split, precision: float) -> Bundle:
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


def _knowing(draft: Bundle, train: Split, validation: Answers) -> tuple[Bundle, Novelty]:
    """With what tells images unlike the training, and the distance from which on they are."""
    features = LiteRT(draft.folder / "model.tflite", threads=1).answers(train.images)[:, len(draft.categories) :]
    seen = validation.logits, validation.features
    novelty = Novelty.fit(features, train.labels, seen, draft.temperature)
    novelty.write(draft.folder / bundles.NOVELTY)
    threshold = float(np.quantile(novelty.served(*seen), 1 - FALSE_ALARMS))
    return replace(draft, ood={"threshold": round(threshold, 4), "false_alarms": FALSE_ALARMS}), novelty


def _measured(draft: Bundle, novelty: Novelty, data: Dataset, validation: Answers, sample: Sample) -> Bundle:
    """With its figures on validation and test, and the report about test."""
    answers = ask(draft.folder, sample.images, len(draft.categories))
    kept = Outcome.read(draft.folder / bundles.VALIDATION)
    found = assess(draft, novelty, sample, answers, kept)
    Outcome.of(found.verdicts.scores, sample.labels).write(draft.folder / bundles.TEST)
    judged = judge(draft, novelty, validation)
    metrics = {
        "validation": figures(draft, judged, validation, data.validation.labels).as_json(),
        "test": found.figures.as_json(),
        "test_data": digest_of(data.test),
        "test_accuracy_tensorflow": round(found.reference_accuracy, 4),
        "agreement": {"validation": round(validation.agreement, 5), "test": round(answers.agreement, 5)},
        "unlike_training": found.strangeness.as_json(),
        "speed": found.speed.as_json(),
        "tflite_bytes": (draft.folder / "model.tflite").stat().st_size,
    }
    report.write(draft.folder / "report", found)
    return replace(draft, metrics=metrics)


def _write_golden(draft: Bundle, validation: Split, answers: Answers) -> None:
    """Some validation images with each runtime's calibrated scores for them."""
    scores = {
        runtime: softmax(logits[:GOLDEN_IMAGES], draft.temperature)
        for runtime, logits in (("litert", answers.logits), ("tensorflow", answers.reference))
    }
    images = validation.images[:GOLDEN_IMAGES]
    np.savez_compressed(
        draft.folder / "golden.npz", images=images, litert=scores["litert"], tensorflow=scores["tensorflow"]
    )


def _provenance(trained: Trained, data: Dataset, recipe: Recipe, weights: str, mirror: bool) -> dict[str, Any]:
    """How the bundle came to be: enough to make it again, and nothing that names a person's machine."""
    return {
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": asdict(recipe),
        "parameters": int(trained.model.count_params()),
        "multiply_adds": multiply_adds(trained.model) * (2 if mirror else 1),
        "mirrored": mirror,
        "minutes": round(trained.seconds / 60, 2),
        "cpu_minutes": round(trained.cpu_seconds / 60, 2),
        "history": [{key: round(value, 4) for key, value in epoch.items()} for epoch in trained.history],
        "data": {
            "name": "Fashion-MNIST",
            "sha256": data.digest,
            "train": len(data.train),
            "validation": len(data.validation),
            "dropped": dict(data.dropped),
        },
        "litert_weights": weights,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {trained.dtype}",
        "versions": {name: metadata.version(name) for name in ("keras", "numpy")}
        | {"python": platform.python_version()},
    }
