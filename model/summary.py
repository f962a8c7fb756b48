"""What there is to tell about a bundle and a prediction, as plain values and lines, for whoever shows them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from model.bundle import Bundle, BundleError, read
from model.classifier import Classifier, Prediction
from model.decoding import ImageRejected

BEST = 3  # categories named for a prediction


def of_prediction(prediction: Prediction, bundle: Bundle) -> dict[str, Any]:
    """Category, confidence, the three best, and whether and why a person would be asked."""
    best = prediction.scores.argsort()[::-1][:BEST]
    return {
        "category": prediction.category,
        "confidence": round(prediction.confidence, 4),
        "best": {bundle.categories[at]: round(float(prediction.scores[at]), 4) for at in best},
        "needs_review": prediction.needs_review,
        "review_reason": prediction.review_reason,
        "model": bundle.id,
    }


def of_file(classifier: Classifier, file: Path) -> dict[str, Any]:
    """A file's prediction, or its `error` (a reason of ImageRejected, or "unreadable") with a `detail`."""
    try:
        image = classifier.prepare(file.read_bytes())
    except ImageRejected as error:
        return {"file": str(file), "error": error.reason, "detail": error.detail}
    except OSError as error:
        return {"file": str(file), "error": "unreadable", "detail": error.strerror or str(error)}
    return {"file": str(file), **of_prediction(classifier.classify(image[None])[0], classifier.bundle)}


def line_of_file(row: Mapping[str, Any]) -> str:
    """What `of_file` found, for people."""
    if "error" in row:
        return f"{row['file']}: {row['error']}: {row['detail']}"
    best = ", ".join(f"{name} {share:.1%}" for name, share in row["best"].items())
    review = f"would be reviewed ({row['review_reason']})" if row["needs_review"] else "no review"
    return f"{row['file']}: {row['category']} {row['confidence']:.1%}; {review}; best: {best}"


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
    }


def of_bundle(bundle: Bundle) -> dict[str, Any]:
    """All that a bundle says of itself."""
    return {
        "model": bundle.id,
        "folder": str(bundle.folder),
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
