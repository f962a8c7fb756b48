"""Proposals: in which mode what waits is settled fastest, by how sure the model is of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from db.operations import plan_changes
from db.review import pairs, screens
from db.review.filters import Filters
from db.review.items import Item
from db.schema import CONFIDENCE_UNIT
from db.session import reading
from review.parts import Parts

SIZES = {"single": 12, "sweep": 24, "pair": 24, "product": 12}
"""Images on a screen, in product mode products, unless more or fewer are asked for."""
HEAD = 48
"""Images that are looked at for a proposal."""
MOST_WRONG_IN_SWEEP, MOST_WRONG_IN_PAIR = 0.2, 0.43
"""Expected shares of wrong ones: up to the first a sweep is fastest, up to the second a click to the other category."""
_FEWEST, _FEWEST_OF_PAIR = 4, 8


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mode, and the filters with the category or the pair that it is about."""

    mode: str
    filters: Filters


def propose(parts: Parts, user_id: int, filters: Filters, mode: str | None, limit: int | None) -> Proposal | None:
    """Choose what is open: the mode, a sweep's category, a pair's two. None if nothing waits."""
    if mode is not None and _is_complete(mode, filters):
        return Proposal(mode, filters)
    with reading(parts.sessions) as session:
        head = screens.peek(session, user_id, filters, HEAD, front=parts.fronts.of(filters, mode or "single"))
    if not head:
        return None
    if mode is None and (filters.unflagged or filters.plan is not None):
        mode = "sweep"  # what is looked through is mostly right
    elif mode is None:
        mode = _mode(head) if (limit or HEAD) >= _FEWEST else "single"
    if mode == "sweep":
        return Proposal(mode, replace(filters, category=filters.category or _first(parts, head[0], filters), pair=None))
    if mode == "pair":
        pair = filters.pair or _pair(parts, head, filters.category)
        return Proposal(mode, replace(filters, category=None, pair=pair)) if pair else Proposal("single", filters)
    return Proposal(mode, filters)


def arranged(mode: str, filters: Filters, items: list[Item], candidates: dict[int, dict[str, float]]) -> list[Item]:
    """Order a screen: a sweep with the most unusual first, a pair from surely the first to surely the second."""
    if mode == "sweep":
        return sorted(items, key=lambda item: -(item.ood_score or 0.0))
    if mode == "pair" and filters.pair is not None:
        first, second = filters.pair
        shares = {place: found.get(second, 0.0) - found.get(first, 0.0) for place, found in candidates.items()}
        return sorted(items, key=lambda item: (shares[item.object_id], item.object_id))
    return items


def _is_complete(mode: str, filters: Filters) -> bool:
    if mode == "sweep":
        return filters.category is not None
    return mode != "pair" or filters.pair is not None


def _first(parts: Parts, first: Item, filters: Filters) -> str:
    """Return the category that the sweep of an image is about; of a plan, what the image would become."""
    if filters.plan is None:
        return first.category
    with reading(parts.sessions) as session:
        return plan_changes.of(session, filters.plan, [first.object_id])[first.object_id].becomes


def _mode(head: Sequence[Item]) -> str:
    if len(head) < _FEWEST:
        return "single"
    wrong = sum(1 - item.confidence / CONFIDENCE_UNIT for item in head) / len(head)
    if wrong <= MOST_WRONG_IN_SWEEP:
        return "sweep"
    return "pair" if wrong <= MOST_WRONG_IN_PAIR and len(head) >= _FEWEST_OF_PAIR else "single"


def _pair(parts: Parts, head: Sequence[Item], category: str | None) -> tuple[str, str] | None:
    """Return the pair of those that wait that people corrected most, or else what the model hesitates between most."""
    with reading(parts.sessions) as session:
        for known in parts.confused():
            if category in (None, known.first, known.second) and pairs.waits(session, known.first, known.second):
                return known.first, known.second
    best = [[each["category"] for each in parts.categories.candidates(item)[:2]] for item in head]
    hesitant = Counter(tuple(sorted(two)) for two in best if len(two) == 2 and category in (None, *two))
    (first, second), _ = hesitant.most_common(1)[0] if hesitant else (("", ""), 0)
    return (first, second) if first else None
