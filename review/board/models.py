"""Models with their figures: how much they flag, and how much of what they say is right, live and on the test."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from db.reporting.models import ModelUse
from db.schema import ModelVersion
from model import ModelError
from review.truth.quality import accuracies
from worker.bundle_lookup import resolve_version
from worker.settings import Settings


class Tested:
    """How much of the test images each bundle has right, as its report tells; each is read once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, float] = {}

    def __call__(self, version: ModelVersion) -> float | None:
        """Return the accuracy; None if the bundle is not here or was not tested."""
        if version.bundle_id not in self._known:
            try:
                metrics = resolve_version(version, self._settings.bundle_folders).metrics
            except ModelError:
                return None
            if "accuracy" not in metrics.get("test", {}):
                return None
            self._known[version.bundle_id] = float(metrics["test"]["accuracy"])
        return self._known[version.bundle_id]


def figures(
    session: Session, used: list[ModelUse], tested: Callable[[ModelVersion], float | None]
) -> list[dict[str, Any]]:
    """Describe models as plain values, in the order given."""
    flagged = {use.bundle_id: use.flagged / use.classified for use in used if use.classified}
    found = accuracies(session, flagged)
    return [
        {
            "model": use.bundle_id,
            "promoted": use.promoted,
            "results": use.classified,
            "flagged": round(flagged[use.bundle_id], 4) if use.classified else None,
            **found.get(use.bundle_id, dict.fromkeys(("sure", "passed", "reviewed", "accuracy"))),
            "test_accuracy": tested(use.version),
            "last_used": use.last_used.isoformat(),
        }
        for use in used
    ]
