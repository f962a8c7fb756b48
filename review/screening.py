"""Screens and decisions as the pages and the API both make them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.review import decisions, screens
from db.review.access import Person
from db.review.decisions import Conflict, Given, Recorded, Restored, Reviewer
from db.review.screens import Filters, Item
from db.schema import CONFIDENCE_UNIT
from db.session import in_transaction, reading
from review.parts import Parts
from review.problems import Problem
from review.thumbnails import identity

SINGLE, SWEEP = 12, 24
"""Images on a screen, unless more or fewer are asked for."""
_MOST_WRONG = 0.2
"""The expected share of wrong ones up to which a sweep is faster than one key an image."""
_FEWEST = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """A screen as it is shown: its items are plain values, with candidates and the path of the picture."""

    id: int
    mode: str
    category: str | None
    expires_at: Any
    items: list[dict[str, Any]]


def open_screen(parts: Parts, person: Person, filters: Filters, *, mode: str | None, limit: int | None) -> Shown | None:
    """Claim a screen for somebody; None if nothing waits. Without a mode the better one is proposed."""
    if mode == "sweep" and filters.category is None:
        with reading(parts.sessions) as session:
            category = screens.first_category(session, person.user_id, filters)
        filters = Filters(category, filters.reason, filters.prefix, filters.run)
    many = mode == "sweep" or (mode is None and filters.category is not None)

    def claim(session: Any) -> tuple[screens.Screen, str] | None:
        count = limit or (SWEEP if many else SINGLE)
        screen = screens.claim(session, person.user_id, filters, limit=count, mode=mode or "single")
        if screen is None:
            return None
        proposed = mode or _proposed(screen.items, filters.category)
        screens.set_mode(session, screen.id, proposed)
        return screen, proposed

    claimed = in_transaction(parts.sessions, claim)
    if claimed is None:
        return None
    screen, shown_as = claimed
    items = [shown(parts, item) for item in screen.items]
    return Shown(screen.id, shown_as, filters.category, screen.expires_at, items)


def shown(parts: Parts, item: Item) -> dict[str, Any]:
    """Describe an image as screens show it."""
    return {
        "object_id": item.object_id,
        "bucket": item.bucket,
        "key": item.key,
        "product_id": item.product_id,
        "version": item.version,
        "category": item.category,
        "confidence": item.confidence / CONFIDENCE_UNIT,
        "review_reason": item.review_reason,
        "candidates": parts.categories.candidates(item),
        "image": picture(item.object_id, item.bucket, item.key, item.version_token),
    }


def picture(object_id: int, bucket: str, key: str, version_token: str, size: str = "small") -> str:
    """Return the path of an image's picture, which changes with its version, so that browsers may keep it."""
    return f"/images/{object_id}/{size}?v={identity(bucket, key, version_token)[:16]}"


def decide(parts: Parts, person: Person, batch: Sequence[Given]) -> Recorded:
    """Record decisions. Raises Problem for a category that there is not."""
    names = set(parts.categories.names())
    unknown = sorted({given.category for given in batch if given.category is not None} - names)
    if unknown:
        there_are = ", ".join(parts.categories.names())
        raise Problem(422, f"there is no category {', '.join(map(repr, unknown))}; there are {there_are}")
    reviewer = Reviewer(person.user_id, person.name)
    result = in_transaction(parts.sessions, lambda session: decisions.record(session, reviewer, batch))
    new = set(result.recorded)
    for given in batch:
        if given.key in new:
            parts.metrics.decisions.labels(given.outcome, given.how).inc()
    parts.metrics.conflicts.inc(len(result.conflicts))
    return result


def how_of(parts: Parts, person: Person, screen_id: int | None) -> str:
    """Return in what way decisions on a screen are made: as its mode says, or else by the API."""
    if screen_id is None:
        return "api"
    with reading(parts.sessions) as session:
        try:
            return screens.find(session, screen_id, person.user_id).mode
        except screens.NoSuchScreen:
            return "api"


def undo(parts: Parts, person: Person, key: str, *, of_anybody: bool) -> Restored:
    """Undo a decision. Raises NoSuchDecision, and a Problem if somebody has changed the image since."""
    reviewer = Reviewer(person.user_id, person.name)
    result = in_transaction(
        parts.sessions, lambda session: decisions.undo(session, reviewer, key, of_anybody=of_anybody)
    )
    if isinstance(result, Conflict):
        now = f"it is {result.category!r} now, by {result.by}" if result.by else "the image is gone"
        raise Problem(
            409,
            f"somebody has changed this image since: {now}",
            object_id=result.object_id,
            category=result.category,
            by=result.by,
        )
    return result


def _proposed(items: Sequence[Item], category: str | None) -> str:
    if category is None or len(items) < _FEWEST:
        return "single"
    wrong = sum(1 - item.confidence / CONFIDENCE_UNIT for item in items) / len(items)
    return "sweep" if wrong <= _MOST_WRONG else "single"
