"""From a trained network to a bundle that both runtimes run alike."""

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

from model import ModelError
from model import bundle as bundles
from model.bundle import Bundle
from model.data.dataset import Dataset, Split, digest_of
from model.decide import DecisionRule, decide
from model.decisions.calibration import fit_temperature, softmax
from model.decisions.category_mapping import CategoryMapping
from model.decisions.ood import OodDetector
from model.decisions.thresholds import ReviewPolicy, ValidationOutcomes, thresholds
from model.evaluation.assessment import evaluate, labelled_metrics
from model.evaluation.evaluation_sets import EvaluationSet
from model.evaluation.report import report
from model.keras_network import mirrored, trained_in
from model.runtimes import LiteRT, Outputs, run
from model.training.loop import Trained
from model.training.networks import multiply_adds
from model.training.publishing import equalization, logit_adjustment
from model.training.publishing.export import in_half_precision, write_keras, write_tflite
from model.training.publishing.task import BundleSpec
from model.training.recipe import Recipe
from model.training.train_step import logits

AGREEMENT = 0.998  # least share of images that both runtimes put into the same category
FEW = 2  # where that share would be fewer images than this, so many may differ, and ties as well
FALSE_ALARMS = 0.01  # share of validation images that count as unlike the training
Images = npt.NDArray[np.uint8]


class RuntimesDisagree(ModelError):
    """The exported network is not the trained one; no bundle was made."""


def publish(
    trained: Trained,
    data: Dataset,
    recipe: Recipe,
    folder: Path,
    task: BundleSpec,
    *,
    precision: float = 0.99,
    mirror: bool = True,
    started_from: Mapping[str, Any] | None = None,
) -> Bundle:
    """Calibrate on validation, measure on test, export, and save as the bundle `folder`.

    With `mirror`, the bundle gives the mean over an image and its mirror image, at twice the work.
    `started_from` is the `training` of the bundle that this training went on from.
    Raises RuntimesDisagree when LiteRT, with every kind of weights that the task names, differs on over 0.2 % of
    validation or, where that has but hundreds of images, on more than FEW that are no ties.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as aside:
        made = Path(aside) / folder.name
        made.mkdir()
        taken_back = _adjust_logits(trained.model, data, len(task.categories))
        answering = mirrored(trained.model) if mirror else trained.model
        served = task.served()
        validation, golden, weights = _export(answering, data.validation.images, served, task, made)
        draft = _calibrated(made, task, validation, data.validation, precision)
        draft, rule = _knowing(draft, Split(served, data.train.labels), validation)
        made_by = _provenance(trained, data, recipe, weights, mirror)
        made_by |= {"prior_taken_back": taken_back, "started_from": started_from}
        made_by["data"] |= task.data
        draft = replace(draft, training=made_by)
        _write_golden(draft, task.golden, golden)
        return bundles.save(_measured(draft, rule, data, validation, task.evaluation_set()), folder)


def _adjust_logits(model: Any, data: Dataset, categories: int) -> float:
    """Take back, as far as validation says, what categories owe to their frequency in training; how far that is."""
    shares = logit_adjustment.log_shares(data.train.labels, categories)
    if np.ptp(shares) < logit_adjustment.BALANCED:
        return 0.0
    found = logit_adjustment.strength(logits(model, data.validation.images), data.validation.labels, shares)
    logit_adjustment.apply(model, found * shares)
    return found


def _export(
    model: Any, validation: Images, served: Images, task: BundleSpec, folder: Path
) -> tuple[Outputs, Outputs, str]:
    """Write both networks, the .tflite with the first kind of weights that keeps its outputs.

    What they say of validation, of the golden images, and which weights it is.
    """
    count, trained = len(validation), model.get_weights()
    for weights in task.weights:
        model.set_weights(trained)
        _made_ready(model, weights, served)
        write_keras(model, folder)
        write_tflite(model, folder, weights, served)
        both = run(folder, np.concatenate([validation, task.golden]), len(task.categories))
        outputs = both[:count]
        if _agree(outputs):
            return outputs, both[count:], weights
    raise RuntimesDisagree(f"LiteRT and TensorFlow agree on {outputs.agreement:.4f} of validation: train again")


def _made_ready(model: Any, weights: str, served: Images) -> None:
    """Kernels that both runtimes can hold, so that they differ in their arithmetic alone."""
    if weights == "int8":
        equalization.equalize(trained_in(model), served)
        equalization.round_to_int8(model)
    in_half_precision(model)


def _agree(outputs: Outputs) -> bool:
    """Do the runtimes? A share says little of a few hundred images, of which several are always near ties."""
    count = len(outputs.logits)
    are_few = count * (1 - AGREEMENT) < FEW
    return outputs.agreement >= AGREEMENT or (are_few and outputs.disagreements <= FEW)


def _calibrated(folder: Path, task: BundleSpec, outputs: Outputs, validation: Split, precision: float) -> Bundle:
    """Temperature and thresholds; what validation came to is kept, so that thresholds can be chosen anew."""
    temperature = round(fit_temperature(outputs.logits, validation.labels), 6)
    outcome = ValidationOutcomes.of(softmax(outputs.logits, temperature), validation.labels)
    outcome.write(folder / bundles.VALIDATION)
    found = thresholds(outcome, len(task.categories), ReviewPolicy(target_precision=precision))
    return Bundle(
        folder=folder,
        name=folder.name,
        categories=task.categories,
        preprocessing=task.preprocessing,
        purpose=task.purpose,
        temperature=temperature,
        thresholds=tuple(round(each, 6) for each in found),
        target_precision=precision,
    )


def _knowing(draft: Bundle, train: Split, validation: Outputs) -> tuple[Bundle, DecisionRule]:
    """With what tells images unlike the training, and the distance from which on they are."""
    features = LiteRT(draft.folder / "model.tflite", threads=1).run(train.images)[:, len(draft.categories) :]
    seen = validation.logits, validation.features
    detector = OodDetector.fit(features, train.labels, seen, draft.temperature)
    detector.write(draft.folder / bundles.OOD_DETECTOR)
    threshold = round(float(np.quantile(detector.served(*seen), 1 - FALSE_ALARMS)), 4)
    mapping = CategoryMapping.identity(draft.categories)
    rule = DecisionRule(draft.temperature, draft.thresholds, detector, threshold, mapping)
    return replace(draft, ood={"threshold": threshold, "false_alarms": FALSE_ALARMS}), rule


def _measured(
    draft: Bundle, rule: DecisionRule, data: Dataset, validation: Outputs, evaluation_set: EvaluationSet
) -> Bundle:
    """With its figures on validation and test, and the report about test."""
    outputs = run(draft.folder, evaluation_set.images, len(draft.categories))
    kept = ValidationOutcomes.read(draft.folder / bundles.VALIDATION)
    found = evaluate(draft, rule, evaluation_set, outputs, kept)
    ValidationOutcomes.of(found.decisions.scores, evaluation_set.labels).write(draft.folder / bundles.TEST)
    judged = decide(rule, validation)
    metrics = {
        "validation": labelled_metrics(draft, rule, judged, validation, data.validation.labels).as_json(),
        "test": found.metrics.as_json(),
        "test_data": digest_of(data.test),
        "test_accuracy_tensorflow": round(found.reference_accuracy, 4),
        "agreement": {"validation": round(validation.agreement, 5), "test": round(outputs.agreement, 5)},
        "unlike_training": found.ood.as_json(),
        "speed": found.speed.as_json(),
        "tflite_bytes": (draft.folder / "model.tflite").stat().st_size,
    }
    report.write(draft.folder / "report", found)
    return replace(draft, metrics=metrics)


def _write_golden(draft: Bundle, images: npt.NDArray[np.uint8], outputs: Outputs) -> None:
    """The golden images with each runtime's calibrated scores for them."""
    scores = {
        runtime: softmax(logits, draft.temperature)
        for runtime, logits in (("litert", outputs.logits), ("tensorflow", outputs.reference))
    }
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
            "sha256": data.digest,
            "train": len(data.train),
            "validation": len(data.validation),
            "dropped": dict(data.dropped),
        },
        "litert_weights": weights,
        "machine": f"{trained.machine}, {trained.dtype}",
        "versions": {name: metadata.version(name) for name in ("keras", "numpy")}
        | {"python": platform.python_version()},
    }
