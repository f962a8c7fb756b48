"""What there is to tell about a bundle and a prediction, as plain values and lines, for whoever shows them."""

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
class Look:
    """A file that was classified: its bytes, what the network saw of it (uint8[H, W, C]), and what there is to tell.

    Of a file that could not be read or decoded `seen` is None, and `row` has an `error` and a `detail`.
    """

    data: bytes
    seen: Images | None
    row: Mapping[str, Any]


def look(classifier: Classifier, file: Path) -> Look:
    """Read a file and classify it; `error` is a reason of ImageRejected, or "unreadable"."""
    try:
        data = file.read_bytes()
    except OSError as error:
        return Look(b"", None, _failed(file, "unreadable", error.strerror or str(error)))
    try:
        seen = classifier.prepare(data)
    except ImageRejected as error:
        return Look(b"", None, _failed(file, error.reason, error.detail))
    return Look(data, seen, {"file": str(file), **of_prediction(classifier.classify(seen[None])[0], classifier)})


def _failed(file: Path, error: str, detail: str) -> dict[str, Any]:
    return {"file": str(file), "error": error, "detail": detail}


def of_prediction(prediction: Prediction, classifier: Classifier) -> dict[str, Any]:
    """Category, confidence, the three best, whether and why a person would be asked, and the limits that decided it.

    With a taxonomy also the best leaf, which the threshold is for, and what is above it.
    """
    bundle, rule = classifier.bundle, classifier.rule
    mapping = rule.mapping
    probable = mapping.probabilities(prediction.scores[None])[0]
    leaf = mapping.choose(prediction.scores[None], rule.thresholds)
    best = mapping.leaves[mapping.shares(prediction.scores[None])[0].argsort()[::-1][:BEST]]
    row = {
        "category": prediction.category,
        "confidence": round(prediction.confidence, 4),
        "best": {mapping.names[at]: round(float(probable[at]), 4) for at in best},
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
    above = {each: float(probable[mapping.names.index(each)]) for each in mapping.taxonomy.above(name)}
    return row | {"leaf": name, "above": {each: round(share, 4) for each, share in above.items()}}


def line_of_file(row: Mapping[str, Any]) -> str:
    """What `look` found, for people."""
    return f"{row['file']}: " + "; ".join(lines_of_file(row))


def lines_of_file(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Without the file's name: category and confidence, whether and why it would be reviewed, the three best, and what
    is above the best of them.
    """
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
    """A bundle in a line: what it is and how good, or under `error` what is wrong with it."""
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
    """All that a bundle says of itself."""
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
    """The same for people."""
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
    """What validation says of the thresholds under `policy`, and these; None for a bundle as made that kept none.

    Raises BundleError when the policy asks for thresholds that cannot be chosen.
    """
    cuts, outcomes = bundles.thresholds(bundle, policy), bundles.validation_outcomes(bundle)
    if outcomes is None:
        return None
    return {
        "target_precision": policy.aim(bundle.target_precision),
        "review_budget": policy.review_budget,
        "thresholds": {name: round(cut, 6) for name, cut in zip(bundle.categories, cuts, strict=True)},
        **promise(outcomes, cuts),
    }


def lines_of_promise(told: Mapping[str, Any] | None) -> Iterator[str]:
    """The same for people."""
    if told is None:
        return
    budget = told["review_budget"]
    wish = f"precision {told['target_precision']:g}" if budget is None else f"at most {budget:.1%} reviewed"
    yield (
        f"promise      for {wish}: {told['validation_coverage']:.1%} of validation pass without review,"
        f" {told['validation_precision']:.2%} of these are right; of images like them"
        f" {told['precision_lower_bound']:.2%} at least ({1 - UNSURE:.0%} sure)"
    )
