"""What came of runs: categories, flags and confidences of their results, and the runs before a run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from db.schema import CONFIDENCE_UNIT, Classification, Run, SourceObject, WorkItem

BANDS = 10
NIGHTS = 14
_BAND = CONFIDENCE_UNIT // BANDS


@dataclass(slots=True)
class Results:
    """The results of one run or of several: how many by category, by reason of a flag, and by band of confidence."""

    images: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    bands: list[int] = field(default_factory=lambda: [0] * BANDS)


@dataclass(frozen=True, slots=True)
class Unsure:
    """A flagged result, and where its image is. Confidence is a fraction."""

    bucket: str
    key: str
    version_token: str
    category: str
    confidence: float
    reason: str


def results(session: Session, run_ids: Sequence[int]) -> Results:
    """Count the results of runs."""
    counted = Results()
    result = Classification
    band = case((result.confidence >= (BANDS - 1) * _BAND, BANDS - 1), else_=result.confidence // _BAND)
    groups = (
        select(result.category, result.review_reason, band.label("band"), func.count())
        .join(WorkItem, WorkItem.id == result.work_item_id)
        .where(WorkItem.run_id.in_(run_ids))
        .group_by(result.category, result.review_reason, "band")
    )
    for category, reason, in_band, images in session.execute(groups):
        counted.images += images
        counted.categories[category] += images
        counted.bands[in_band] += images
        if reason is not None:
            counted.flags[reason] += images
    return counted


def before(session: Session, run: Run, limit: int = NIGHTS) -> Sequence[Run]:
    """List the finished runs of the same kind before a run that tagged something, the newest first."""
    earlier = Run.kind == run.kind, Run.state == "finished", Run.id < run.id, Run.counts["tagged"].as_integer() > 0
    return session.execute(select(Run).where(*earlier).order_by(Run.id.desc()).limit(limit)).scalars().all()


def last(session: Session, kinds: Sequence[str]) -> Run | None:
    """Return the newest run of the first of these kinds that has any that has begun to tag."""
    begun = Run.state.in_(("running", "paused", "finished", "cancelled"))
    for kind in kinds:
        newest = select(Run).where(Run.kind == kind, begun).order_by(Run.id.desc()).limit(1)
        if (run := session.execute(newest).scalar_one_or_none()) is not None:
            return run
    return None


def least_certain(session: Session, run_id: int, limit: int, *, flagged_alone: bool = True) -> list[Unsure]:
    """List the flagged results of a run, or all, for images that are still the same, the least certain first."""
    result, image = Classification, SourceObject
    columns: tuple[Any, ...] = (image.bucket, image.key, image.version_token, result.category, result.confidence)
    shown = (
        select(*columns, result.review_reason)
        .join(WorkItem, WorkItem.id == result.work_item_id)
        .join(image, image.id == result.object_id)
        .where(WorkItem.run_id == run_id, *([result.needs_review] if flagged_alone else []))
        .where(image.version_token == WorkItem.version_token, image.gone_at.is_(None))
        .order_by(result.confidence, result.id)
    )
    rows = session.execute(shown.limit(limit))
    return [Unsure(*row[:4], confidence=row[4] / CONFIDENCE_UNIT, reason=row[5] or "") for row in rows]
