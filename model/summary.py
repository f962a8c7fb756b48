"""Summaries of bundles and predictions, as plain values and as lines of text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model.bundle import Bundle, BundleError, read
from model.classifier import Classifier, Prediction
from model.decisions.thresholds import UNSURE, ReviewPolicy, promise
from model.images.decoding import ImageRejected

Images = npt.NDArray[np.uint8]

BEST = 3  # categories named for a prediction
REVIEWED = "would be reviewed"
NAMED = 4  # categories named in a sentence
EXAMPLE = "Grey 28×28 pictures of garments as in Fashion-MNIST; an example, not for photographs of a shop"
"""The purpose of bundles trained on that data set, as those made before 2026-11-24 do not state one."""


@dataclass(frozen=True, slots=True)
class ClassifiedFile:
    """A classified file: its bytes, what the network saw of it (uint8[H, W, C]), and the row that describes it.

    For a file that could not be read or decoded `pixels` is None, and `row` has an `error` and a `detail`.
    """

    data: bytes
    pixels: Images | None
    row: Mapping[str, Any]


def classify_file(classifier: Classifier, file: Path) -> ClassifiedFile:
    """Read a file and classify it; `error` is a reason of ImageRejected, or "unreadable"."""
    try:
        data = file.read_bytes()
        pixels = classifier.prepare(data)
    except OSError as error:
        return _failed(file, "unreadable", error.strerror or str(error))
    except ImageRejected as error:
        return _failed(file, error.reason, error.detail)
    row = of_prediction(classifier.classify(pixels[None])[0], classifier)
    return ClassifiedFile(data, pixels, {"file": str(file), **row})


def _failed(file: Path, error: str, detail: str) -> ClassifiedFile:
    return ClassifiedFile(b"", None, {"file": str(file), "error": error, "detail": detail})


def of_prediction(prediction: Prediction, classifier: Classifier) -> dict[str, Any]:
    """Describe a prediction: category, confidence, the three best, whether and why it is reviewed, and the limits.

    With a taxonomy there are also the best leaf, which the threshold is for, and the categories above it.
    """
    bundle, rule = classifier.bundle, classifier.rule
    mapping = rule.mapping
    probable = mapping.probabilities(prediction.scores[None])[0]
    leaf = mapping.choose(prediction.scores[None], rule.thresholds)
    best = mapping.leaves[mapping.shares(prediction.scores[None])[0].argsort()[::-1][:BEST]]
    row = {
        "category": prediction.category,
        "confidence": round(prediction.confidence, 4),
        "best": {mapping.names[index]: round(float(probable[index]), 4) for index in best},
        "needs_review": prediction.needs_review,
        "review_reason": prediction.review_reason,
        "threshold": round(float(leaf.threshold[0]), 4),
        "ood_score": None if prediction.ood_score is None else round(prediction.ood_score, 2),
        "ood_threshold": None if rule.ood_threshold is None else round(rule.ood_threshold, 2),
        "model": bundle.id,
    }
    if mapping.taxonomy is None:
        return row
    name = mapping.names[leaf.index[0]]
    above = {parent: round(float(probable[mapping.names.index(parent)]), 4) for parent in mapping.taxonomy.above(name)}
    return row | {"leaf": name, "above": above}


def line_of_file(row: Mapping[str, Any]) -> str:
    """Describe a classified file in a line."""
    return f"{row['file']}: " + "; ".join(lines_of_file(row))


def lines_of_file(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Describe a classified file without its name: tag, review, the three best, and the categories above the best."""
    if "error" in row:
        return (f"{row['error']}: {row['detail']}",)
    above = (f"above: {_shares(row['above'])}",) if row.get("above") else ()
    return f"{row['category']} {row['confidence']:.1%}", _review(row), f"best: {_shares(row['best'])}", *above


def _shares(of: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in of.items())


def _review(row: Mapping[str, Any]) -> str:
    match row["review_reason"]:
        case None:
            return "no review"
        case "unlike_training":
            return f"{REVIEWED} (unlike_training: score {row['ood_score']:.1f} over {row['ood_threshold']:.1f})"
        case "low_confidence" if row["threshold"] <= 1:
            return f"{REVIEWED} (low_confidence: under {row['threshold']:.1%})"
        case "coarse":
            under = f", under {row['threshold']:.1%}" if row["threshold"] <= 1 else ""
            return f"{REVIEWED} (coarse: {row['leaf']} only {row['best'][row['leaf']]:.1%}{under})"
        case reason:
            return f"{REVIEWED} ({reason})"


def of_folder(folder: Path) -> dict[str, Any]:
    """Describe a bundle in short, or say under `error` what is wrong with it."""
    try:
        bundle = read(folder)
    except BundleError as error:
        return {"model": folder.name, "folder": str(folder), "error": str(error)}
    return {
        "model": bundle.id,
        "folder": str(folder),
        "test_accuracy": bundle.metrics["test"]["accuracy"],
        "categories": len(bundle.categories),
        "purpose": purpose(bundle),
    }


def purpose(bundle: Bundle) -> str:
    """Say in a sentence what a bundle is for: in its own words, or else from what it was trained with."""
    if bundle.purpose:
        return bundle.purpose
    data = bundle.training.get("data", {}).get("name")
    if data == "Fashion-MNIST":
        return EXAMPLE
    colour = "grey" if bundle.channels == 1 else "colour"
    learned = f", learned from {data}" if data else ""
    return f"{_listed(bundle.categories)} in {colour} pictures of {bundle.size}×{bundle.size}{learned}"


def _listed(categories: Sequence[str]) -> str:
    more = len(categories) - NAMED
    if more <= 1:
        return f"{', '.join(categories[:-1])} or {categories[-1]}" if len(categories) > 1 else categories[0]
    return f"{', '.join(categories[:NAMED])} or {more} others"


def of_bundle(bundle: Bundle) -> dict[str, Any]:
    """Describe a bundle in full."""
    return {
        "model": bundle.id,
        "folder": str(bundle.folder),
        "purpose": purpose(bundle),
        "categories": list(bundle.categories),
        "preprocessing": bundle.preprocessing.as_json(),
        "temperature": bundle.temperature,
        "thresholds": dict(zip(bundle.categories, bundle.thresholds, strict=True)),
        "target_precision": bundle.target_precision,
        "metrics": dict(bundle.metrics),
        "training": dict(bundle.training),
    }


def lines_of_bundle(bundle: Bundle) -> Iterator[str]:
    """Describe a bundle in lines."""
    test, how = bundle.metrics["test"], bundle.training
    yield f"{bundle.id} in {bundle.folder}"
    yield f"for          {purpose(bundle)}"
    yield f"categories   {', '.join(bundle.categories)}"
    yield f"test         {test['accuracy']:.2%} right, macro F1 {test['macro_f1']:.3f}, {test['images']:,} images"
    yield f"calibration  temperature {bundle.temperature:.3f}; ECE {test['ece_before']:.4f}, then {test['ece']:.4f}"
    yield (
        f"review       below {min(bundle.thresholds):.4f}: {test['coverage']:.1%} of test pass without,"
        f" {test['precision']:.2%} of these are right (aim {bundle.target_precision:.0%})"
    )
    minutes = f"{how['minutes']} minutes ({how['cpu_minutes']} of CPU)"
    yield f"training     {how['parameters']:,} parameters, {minutes} on {how['machine']}"
    yield f"trained at   {how['trained_at']}"
    yield from (f"F1           {name:<12} {f1:.3f}" for name, f1 in test["f1"].items())


def of_promise(bundle: Bundle, policy: ReviewPolicy) -> dict[str, Any] | None:
    """Say what validation promises of the thresholds under `policy`; None for a bundle that kept no validation.

    Raises BundleError when the policy asks for thresholds that cannot be chosen.
    """
    thresholds, outcomes = bundles.thresholds(bundle, policy), bundles.validation_outcomes(bundle)
    if outcomes is None:
        return None
    return {
        "target_precision": policy.aim(bundle.target_precision),
        "review_budget": policy.review_budget,
        "thresholds": {
            name: round(threshold, 6) for name, threshold in zip(bundle.categories, thresholds, strict=True)
        },
        **promise(outcomes, thresholds),
    }


def lines_of_promise(promised: Mapping[str, Any] | None) -> Iterator[str]:
    """Put a promise into words."""
    if promised is None:
        return
    budget = promised["review_budget"]
    wish = f"precision {promised['target_precision']:g}" if budget is None else f"at most {budget:.1%} reviewed"
    yield (
        f"promise      for {wish}: {promised['validation_coverage']:.1%} of validation pass without review,"
        f" {promised['validation_precision']:.2%} of these are right; of images like them"
        f" {promised['precision_lower_bound']:.2%} at least ({1 - UNSURE:.0%} sure)"
    )
