"""Filters: which images a reviewer wants to see, and in which order those are walked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Dialect, Integer, bindparam
from sqlalchemy.orm import Session

from db.objects import buckets
from db.review.items import Item
from db.schema.columns import Id
from db.session import dialect_of

AGES = ("day", "week", "older")
"""Tagged within the last day, within the last week, or before that."""
Order = Literal["plan", "key", "event", "object", "time", "confidence"]


@dataclass(frozen=True, slots=True)
class Place:
    """An image in the queue, from which on somebody may look: what is before it is settled, or on screens."""

    confidence: int
    object_id: int
    key: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reviewer wants to see; None leaves a part open. `run` means images whose tag that run has written.

    `pair` means either of two categories; with `unflagged`, what needs no review is meant too. `plan` means the images
    that a plan would change, and `category` then what they would become. `among` narrows an open category to
    some.
    """

    category: str | None = None
    reason: str | None = None
    prefix: str | None = None
    run: int | None = None
    product: str | None = None
    age: str | None = None
    pair: tuple[str, str] | None = None
    unflagged: bool = False
    plan: str | None = None
    among: tuple[str, ...] | None = None

    @property
    def order(self) -> Order:
        """Return the order that an index has: the least certain first, unless what is asked for lies in another one."""
        if self.plan is not None:
            return "plan"
        if self.prefix is not None:
            return "key"
        if self.unflagged:
            return "object" if self.run is None else "event"
        return "confidence" if self.age is None else "time"

    def front(self, claimed: Sequence[Item]) -> Place | None:
        """Return the first of these in the order of the walk; None where that is of other things than an item tells."""
        orders: dict[Order, Callable[[Item], tuple[Any, ...]]] = {
            "confidence": lambda item: (item.confidence, item.object_id),
            "object": lambda item: (item.object_id,),
            "key": lambda item: (item.key,),
        }
        if not claimed or self.order not in orders:
            return None
        first = min(claimed, key=orders[self.order])
        return Place(first.confidence, first.object_id, first.key)


@dataclass(frozen=True, slots=True)
class Sought:
    """Filters with what else their statements depend on, so that each is built once.

    They run with the id of the reviewer as `reader`, and with the size of the screen as `at_most`; those that go on
    with a Place, too, as `from_confidence`, `from_object` and `from_key`.
    """

    dialect: Dialect
    filters: Filters
    buckets: tuple[str, ...] = ()
    goes_on: bool = False


READER, AT_MOST = bindparam("reader", type_=Id), bindparam("at_most", type_=Integer())


def sought(session: Session, filters: Filters) -> Sought:
    """Read what the statements of filters depend on: keys are looked for in each bucket."""
    return Sought(dialect_of(session), filters, tuple(buckets(session)) if filters.prefix is not None else ())
