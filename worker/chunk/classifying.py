"""Classifying of a micro-batch. A runtime that fails on every image is told from an image at which it fails."""

from collections.abc import Sequence

import numpy as np
import structlog

from db.schema import CONFIDENCE_UNIT
from db.tags import Tagged
from model.classifier import Classifier, Prediction
from model.images.fingerprint import fingerprint
from worker import WorkerError
from worker.chunk.reading import Fault, Prepared
from worker.telemetry import of_item

log = structlog.get_logger()


class RuntimeBroken(WorkerError):
    """The runtime fails on every image, so that no image is to blame and this process cannot tag."""


def classify(classifier: Classifier, images: Sequence[Prepared]) -> tuple[list[Tagged], list[Fault]]:
    """Classify a micro-batch, or one by one if it fails together. Raises RuntimeBroken if a blank image fails too."""
    if not images:
        return [], []
    try:
        predictions = classifier.classify(np.stack([image.pixels for image in images]))
    except Exception as error:
        which = of_item(images[0].item) if len(images) == 1 else {}
        log.exception("classify_failed", images=len(images), bundle=classifier.bundle.id, **which)
        _try_a_blank(classifier, images[0].pixels)
        if len(images) == 1:
            return [], [Fault(images[0].item, "internal", f"{type(error).__name__}: {error}", lasting=False)]
        one_by_one = [classify(classifier, [image]) for image in images]
        return [result for results, _ in one_by_one for result in results], [
            fault for _, faults in one_by_one for fault in faults
        ]
    return [_tagged(image, prediction) for image, prediction in zip(images, predictions, strict=True)], []


def _try_a_blank(classifier: Classifier, pixels: np.ndarray) -> None:
    try:
        classifier.classify(np.zeros_like(pixels)[np.newaxis])
    except Exception as error:
        raise RuntimeBroken(
            f"the runtime fails on every image, with bundle {classifier.bundle.id} ({type(error).__name__}: {error}); "
            "see what `tagger doctor` says and whether memory is short, then start again"
        ) from error


def _tagged(image: Prepared, prediction: Prediction) -> Tagged:
    return Tagged(
        item=image.item,
        category=prediction.category,
        confidence=round(prediction.confidence * CONFIDENCE_UNIT),
        scores=np.rint(prediction.scores * CONFIDENCE_UNIT).astype(int).tolist(),
        ood_score=prediction.ood_score,
        needs_review=prediction.needs_review,
        review_reason=prediction.review_reason,
        fingerprint=fingerprint(image.pixels) if prediction.needs_review else None,
    )
