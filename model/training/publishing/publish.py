"""Publishing of a trained network as a bundle that both runtimes run alike."""

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

from model import ModelError, bundle as bundles
from model.bundle import Bundle
from model.data.dataset import Dataset, Split, digest_of
from model.decide import DecisionRule, decide
from model.decisions.calibration import fit_temperature, softmax
from model.decisions.category_mapping import CategoryMapping
from model.decisions.ood import OodDetector
from model.decisions.thresholds import ReviewPolicy, ValidationOutcomes, choose_thresholds
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
FEW = 2  # where that share allows fewer differing images than this, so many may differ, ties not counted
FALSE_ALARMS = 0.01  # share of validation images that are flagged as unlike the training
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
    """Export, calibrate on validation, evaluate on test, and save as the bundle `folder`.

    With `mirror`, the bundle averages over an image and its mirror image, at twice the work. `started_from` is the
    `training` of the bundle that this training went on from. Raises RuntimesDisagree when LiteRT, with each kind of
    weights in the task, predicts another category for more than 0.2 % of validation or, of a few hundred images, for
    more than FEW that are not ties.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as aside:
        place = Path(aside) / folder.name
        place.mkdir()
        strength = _adjust_logits(trained.model, data, len(task.categories))
        model = mirrored(trained.model) if mirror else trained.model
        served = task.served()
        validation, golden, weights = _export(model, data.validation.images, served, task, place)
        draft = _calibrate(place, task, validation, data.validation, precision)
        draft, rule = _fit_ood_detector(draft, Split(served, data.train.labels), validation)
        training = _provenance(trained, data, recipe, weights, mirror)
        training |= {"prior_taken_back": strength, "started_from": started_from}
        training["data"] |= task.data
        draft = replace(draft, training=training)
        _write_golden(draft, task.golden, golden)
        return bundles.save(_evaluate(draft, rule, data, validation, task.evaluation_set()), folder)


def _adjust_logits(model: Any, data: Dataset, categories: int) -> float:
    """Adjust the logits for the frequency of categories in training, and return the strength fitted on validation."""
    shares = logit_adjustment.log_shares(data.train.labels, categories)
    if np.ptp(shares) < logit_adjustment.BALANCED:
        return 0.0
    strength = logit_adjustment.strength(logits(model, data.validation.images), data.validation.labels, shares)
    logit_adjustment.apply(model, strength * shares)
    return strength


def _export(
    model: Any, validation: Images, served: Images, task: BundleSpec, folder: Path
) -> tuple[Outputs, Outputs, str]:
    """Write both networks, the .tflite with the first kind of weights on which the runtimes agree.

    Returns the outputs on validation and on the golden images, and the kind of weights.
    """
    count, trained = len(validation), model.get_weights()
    for weights in task.weights:
        model.set_weights(trained)
        _round_kernels(model, weights, served)
        write_keras(model, folder)
        write_tflite(model, folder, weights, served)
        both = run(folder, np.concatenate([validation, task.golden]), len(task.categories))
        outputs = both[:count]
        if _agree(outputs):
            return outputs, both[count:], weights
    raise RuntimesDisagree(f"LiteRT and TensorFlow agree on {outputs.agreement:.4f} of validation: train again")


def _round_kernels(model: Any, weights: str, served: Images) -> None:
    """Round the kernels to what both runtimes can hold, so that they differ in their arithmetic alone."""
    if weights == "int8":
        equalization.equalize(trained_in(model), served)
        equalization.round_to_int8(model)
    in_half_precision(model)


def _agree(outputs: Outputs) -> bool:
    """Decide whether the runtimes agree; of a few hundred images, several are always ties, and a share says little."""
    are_few = len(outputs.logits) * (1 - AGREEMENT) < FEW
    return outputs.agreement >= AGREEMENT or (are_few and outputs.disagreements <= FEW)


def _calibrate(folder: Path, task: BundleSpec, outputs: Outputs, validation: Split, precision: float) -> Bundle:
    """Fit temperature and thresholds, and keep the validation outcomes, so that thresholds can be chosen anew."""
    temperature = round(fit_temperature(outputs.logits, validation.labels), 6)
    outcomes = ValidationOutcomes.of(softmax(outputs.logits, temperature), validation.labels)
    outcomes.write(folder / bundles.VALIDATION)
    chosen = choose_thresholds(outcomes, len(task.categories), ReviewPolicy(target_precision=precision))
    return Bundle(
        folder=folder,
        name=folder.name,
        categories=task.categories,
        preprocessing=task.preprocessing,
        purpose=task.purpose,
        temperature=temperature,
        thresholds=tuple(round(threshold, 6) for threshold in chosen),
        target_precision=precision,
    )


def _fit_ood_detector(draft: Bundle, train: Split, validation: Outputs) -> tuple[Bundle, DecisionRule]:
    """Fit the detector on training images and its threshold on validation, and return the rule that is complete now."""
    features = LiteRT(draft.folder / "model.tflite", threads=1).run(train.images)[:, len(draft.categories) :]
    outputs = validation.logits, validation.features
    detector = OodDetector.fit(features, train.labels, outputs, draft.temperature)
    detector.write(draft.folder / bundles.OOD_DETECTOR)
    threshold = round(float(np.quantile(detector.served(*outputs), 1 - FALSE_ALARMS)), 4)
    mapping = CategoryMapping.identity(draft.categories)
    rule = DecisionRule(draft.temperature, draft.thresholds, detector, threshold, mapping)
    return replace(draft, ood={"threshold": threshold, "false_alarms": FALSE_ALARMS}), rule


def _evaluate(
    draft: Bundle, rule: DecisionRule, data: Dataset, validation: Outputs, evaluation_set: EvaluationSet
) -> Bundle:
    """Measure validation and test, write the test's outcomes and report, and add the metrics to the bundle."""
    outputs = run(draft.folder, evaluation_set.images, len(draft.categories))
    outcomes = ValidationOutcomes.read(draft.folder / bundles.VALIDATION)
    result = evaluate(draft, rule, evaluation_set, outputs, outcomes)
    ValidationOutcomes.of(result.decisions.scores, evaluation_set.labels).write(draft.folder / bundles.TEST)
    decisions = decide(rule, validation)
    metrics = {
        "validation": labelled_metrics(draft, rule, decisions, validation, data.validation.labels).as_json(),
        "test": result.metrics.as_json(),
        "test_data": digest_of(data.test),
        "test_accuracy_tensorflow": round(result.reference_accuracy, 4),
        "agreement": {"validation": round(validation.agreement, 5), "test": round(outputs.agreement, 5)},
        "unlike_training": result.ood.as_json(),
        "speed": result.speed.as_json(),
        "tflite_bytes": (draft.folder / "model.tflite").stat().st_size,
    }
    report.write(draft.folder / "report", result)
    return replace(draft, metrics=metrics)


def _write_golden(draft: Bundle, images: Images, outputs: Outputs) -> None:
    litert, tensorflow = (softmax(logits, draft.temperature) for logits in (outputs.logits, outputs.reference))
    np.savez_compressed(draft.folder / "golden.npz", images=images, litert=litert, tensorflow=tensorflow)


def _provenance(trained: Trained, data: Dataset, recipe: Recipe, weights: str, mirror: bool) -> dict[str, Any]:
    """Return how the bundle was made: enough to make it again, and nothing that names a person's machine."""
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
