"""Screens and decisions as the pages and the API both make them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.operations import plan_changes
from db.review import decisions, screens, undoing
from db.review.access import Person
from db.review.decisions import Conflict, Recorded, Reviewer
from db.review.filters import Filters
from db.review.items import Given, Item
from db.review.undoing import Restored
from db.schema import CONFIDENCE_UNIT
from db.session import in_transaction, reading
from review.categories import BEST
from review.parts import Parts
from review.problems import Problem
from review.proposals import SIZES, Proposal, arranged, propose
from review.thumbnails import identity
from review.truth import mixing, owning

NO_SUGGESTION: dict[str, Any] = {
    "category": None,
    "confidence": None,
    "review_reason": None,
    "proposed": None,
    "candidates": [],
}
"""What is shown of an image that somebody is to judge for himself."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A screen as it is shown: its items are plain values, with candidates and the path of the picture."""

    id: int
    mode: str
    category: str | None
    pair: tuple[str, str] | None
    expires_at: Any
    items: list[dict[str, Any]]


def open_screen(parts: Parts, person: Person, filters: Filters, *, mode: str | None, limit: int | None) -> Shown | None:
    """Claim a screen for somebody; None if nothing waits. Without a mode the better one is proposed."""
    filters = owning.for_turn(parts, person.user_id, filters)
    only_blind = mode is None and mixing.is_for_blind(parts, person, filters)
    proposal = None if only_blind else propose(parts, person.user_id, filters, mode, limit)
    if proposal is None and mode not in (None, "single"):
        return None
    is_proposed, proposal = mode is None, proposal or Proposal("single", filters)  # some may be seen blind all the same
    mode, filters = proposal.mode, proposal.filters
    count = limit or SIZES[mode]
    if is_proposed and mode == "single":
        count = min(count, SIZES[mode])
    blind = (count if only_blind else mixing.by_chance(count * mixing.BLIND_SHARE)) if mode == "single" else None
    front = parts.fronts.of(filters, mode)

    def claim(session: Session) -> tuple[screens.Screen, list[Item]] | None:
        options: dict[str, Any] = {"limit": count, "mode": mode, "blind": blind, "doubles": mixing.is_browser(person)}
        screen = screens.claim(session, person.user_id, filters, front=front, **options)
        if screen is None:
            return None
        return screen, mixing.with_probes(parts, session, person, screen, mode, filters)

    claimed = in_transaction(parts.sessions, claim)
    if claimed is None:
        return None
    screen, claimed_items = claimed
    seen = [item for item in screen.items if item.object_id not in screen.blind]
    parts.fronts.note(filters, mode, filters.front(seen) if len(screen.items) >= count else None)
    described = {item.object_id: shown(parts, item) for item in claimed_items}
    _propose_changes(parts, filters, described)
    if mode == "product":
        _stack(screen, described)
    shares = {
        object_id: {best["category"]: best["confidence"] for best in item["candidates"]}
        for object_id, item in described.items()
    }
    arranged_items = [described[item.object_id] for item in arranged(mode, filters, claimed_items, shares)]
    items = [item | NO_SUGGESTION if item["object_id"] in screen.blind else item for item in arranged_items]
    return Shown(screen.id, mode, filters.category, filters.pair, screen.expires_at, items)


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
        "proposed": None,
        "candidates": parts.categories.candidates(item),
        "image": picture(item.object_id, item.bucket, item.key, item.version_token),
        "stack": None,
    }


def _stack(screen: screens.Screen, described: dict[int, dict[str, Any]]) -> None:
    """Give each image the number of its cell: that of one image of its product, or of those like it."""
    first: dict[tuple[str, str | int], int] = {}
    claimed = {item.object_id for item in screen.items}
    for image, item in described.items():
        product = image if item["product_id"] is None else item["product_id"]
        own = screen.alike.get(image) if image in claimed else image  # a probe stands alone
        item["stack"] = own or first.setdefault((item["bucket"], product), image)


def _propose_changes(parts: Parts, filters: Filters, described: dict[int, dict[str, Any]]) -> None:
    """Say what a plan would change: that stands first among the candidates, and the present tag second.

    What it would not change is a probe, and is shown as what the screen is about.
    """
    if filters.plan is None:
        return
    with reading(parts.sessions) as session:
        changes = plan_changes.of(session, filters.plan, described)
    for object_id, item in described.items():
        change = changes.get(object_id)
        becomes = change.becomes if change else filters.category
        if becomes is None:
            continue
        sure = change.confidence / CONFIDENCE_UNIT if change else item["confidence"]
        others = [best for best in item["candidates"] if best["category"] != becomes]
        item |= {"proposed": becomes, "candidates": [{"category": becomes, "confidence": sure}, *others][:BEST]}


def picture(object_id: int, bucket: str, key: str, version_token: str, size: str = "small") -> str:
    """Return the path of an image's picture, which changes with its version, so that browsers may keep it."""
    return f"/images/{object_id}/{size}?v={identity(bucket, key, version_token)[:16]}"


def decide(parts: Parts, person: Person, batch: Sequence[Given]) -> Recorded:
    """Record decisions, those on a screen as it has shown them. Raises Problem for an unknown category."""
    names = set(parts.categories.names())
    unknown = sorted({given.category for given in batch if given.category is not None} - names)
    if unknown:
        there_are = ", ".join(parts.categories.names())
        raise Problem(422, f"there is no category {', '.join(map(repr, unknown))}; there are {there_are}")
    reviewer = Reviewer(person.user_id, person.name)
    share = parts.settings.double_share if mixing.is_browser(person) else 0.0

    def record(session: Session) -> Recorded:
        return decisions.record(session, reviewer, batch, double_share=share, as_shown=True)

    result = in_transaction(parts.sessions, record)
    new = set(result.recorded)
    counts = Counter((given.outcome, given.how) for given in result.made if given.key in new)
    for (outcome, how), count in counts.items():
        parts.metrics.decisions.labels(outcome, how).inc(count)
    parts.metrics.conflicts.inc(len(result.conflicts))
    return result


def undo(parts: Parts, person: Person, key: str, *, of_anybody: bool) -> Restored:
    """Undo a decision. Raises NoSuchDecision, and a Problem if somebody has changed the image since."""
    reviewer = Reviewer(person.user_id, person.name)
    result = in_transaction(parts.sessions, lambda session: undoing.undo(session, reviewer, key, of_anybody=of_anybody))
    if isinstance(result, Conflict):
        now = f"it is {result.category!r} now, by {result.by}" if result.by else "the image is gone"
        raise Problem(
            409,
            f"somebody has changed this image since: {now}",
            object_id=result.object_id,
            category=result.category,
            by=result.by,
        )
    parts.fronts.forget()
    return result


def give_back(parts: Parts, person: Person, screen_id: int) -> None:
    """Give back what is not decided of a screen. Raises NoSuchScreen."""
    in_transaction(parts.sessions, lambda session: screens.release(session, screen_id, person.user_id))
    parts.fronts.forget()
