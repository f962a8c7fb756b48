"""A runtime that fails on one image is no fault of the others; one that fails on all is no fault of any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from db.invariants import violations
from db.session import Sessions, reading
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.chunk.classifying import RuntimeBroken
from worker.tagging import Outcome, work


class Picky(FakeClassifier):
    """Fails on any batch in which a pixel of `b"odd"` is, and is unsure of every other batch."""

    def prepare(self, data: bytes, limits: Any) -> np.ndarray:
        return super().prepare(data, limits) + np.uint8(data == b"odd")

    def classify(self, images: np.ndarray) -> list[Any]:
        if images.any():
            raise RuntimeError("the runtime does not like it")
        predictions = super().classify(images)
        if len(self.batches) % 2:
            return predictions
        return [replace(prediction, needs_review=True, review_reason="low_confidence") for prediction in predictions]


def explode() -> None:
    raise RuntimeError("the runtime is broken")


def items(sessions: Sessions) -> list[tuple[Any, ...]]:
    statement = text("SELECT state, reason, failures, crashes, count(*) FROM work_item GROUP BY 1, 2, 3, 4 ORDER BY 1")
    with reading(sessions) as session:
        assert list(violations(session)) == []
        return [tuple(row) for row in session.execute(statement)]


def with_fingerprint(sessions: Sessions) -> list[tuple[bool, bool]]:
    """Return, of each result, whether it needs review and whether it has a fingerprint."""
    with reading(sessions) as session:
        statement = text("SELECT needs_review, fingerprint IS NOT NULL FROM classification")
        return [(bool(flagged), bool(kept)) for flagged, kept in session.execute(statement)]


def test_an_image_on_which_the_runtime_fails_is_tried_again_and_its_batch_is_tagged(sessions: Sessions) -> None:
    scanned_run(sessions, store := FakeStore({f"{n:02}.jpg": b"photo" for n in range(20)} | {"05b.jpg": b"odd"}))

    outcome = work(tagger(sessions, store, Picky()), "nightly")

    assert outcome == Outcome(tagged=20, needs_review=10, retried=1)
    assert set(with_fingerprint(sessions)) == {(True, True), (False, False)}  # one is kept of what people will see
    assert items(sessions) == [("done", None, 0, 0, 20), ("pending", "internal", 1, 0, 1)]


@pytest.mark.parametrize("images", [1, 20])
def test_a_runtime_that_fails_on_everything_is_told_and_counts_against_no_image(
    sessions: Sessions, images: int
) -> None:
    scanned_run(sessions, store := FakeStore({f"{n:02}.jpg": b"photo" for n in range(images)}))

    with pytest.raises(RuntimeBroken, match=r"bundle fake@1 \(RuntimeError: the runtime is broken\); see what"):
        work(tagger(sessions, store, FakeClassifier(before=explode)), "nightly")

    assert items(sessions) == [("pending", None, 0, 0, images)]
