"""Decisions of people: tag, event and decision are written in one transaction, once, on what the person has seen."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean
from typing import Any

from sqlalchemy import Delete, Select, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from db import actors
from db.review.human_tags import decided_fields
from db.review.items import Given
from db.review.truth import circumstances, opinions, probes, sittings
from db.review.truth.circumstances import Circumstances
from db.review.truth.probes import Answer, Checked
from db.review.truth.sittings import Care
from db.schema import Decision, ReviewClaim, TagEvent
from db.schema.bulk import write_together
from db.schema.columns import table_of
from db.session import dialect_of
from db.tags import ADDING_EVENTS, TAG_FIELDS, lock_objects, upserting

GRIDS = ("sweep", "pair")
"""Modes in which each image is a cell; in product mode one stands for several."""
_A_GRID = 8
"""Images from which on a grid can be looked at too hastily."""
_ADDING = insert(table_of(Decision)).returning(Decision.key, Decision.id)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides: the row of the user, and the name that the history shows."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An image that somebody changed since it was seen: what it is now, and by whom. All None: it is not there."""

    object_id: int
    category: str | None
    by: str | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch `made`: the keys recorded now or before, and what others were quicker with.

    `checked` are the probes among it, and `careless` tells that something was missed again, or settled in a hurry.
    """

    made: Sequence[Given]
    recorded: list[str]
    repeated: list[str]
    conflicts: list[Conflict]
    checked: list[Checked] = field(default_factory=list)
    careless: bool = False


def record(
    session: Session, reviewer: Reviewer, batch: Sequence[Given], *, double_share: float = 0.0, as_shown: bool = False
) -> Recorded:
    """Record a batch in the caller's transaction; what was recorded before, or has changed since, is only told.

    Answers to probes are kept apart from decisions. Of the rest `double_share` is to be read by a second reviewer, too.
    With `as_shown` each was made as its screen was: in its mode, and on what its plan, if it has one, has proposed.
    """
    ids = [given.object_id for given in batch]
    lock_objects(session, ids)
    screens = {given.screen_id for given in batch if given.screen_id is not None}
    tags, shown = circumstances.read(session, reviewer.id, ids, screens)
    batch = circumstances.as_shown(session, batch, shown) if as_shown else batch
    seen = _keys_of(session, reviewer, [given.key for given in batch])
    hurried = _hurried([given for given in batch if given.key not in seen])
    care = sittings.go_on(session, reviewer.id, hurried=hurried)
    answered = probes.answer(session, care, shown.probes, _answers(batch))
    checked = [answer for answer in answered.checked if answer.found is not None]
    if checked:
        found = sum(bool(answer.found) for answer in checked)
        care = sittings.go_on(session, reviewer.id, probes=len(checked), found=found)
    careless = care.is_careless and (hurried > 0 or any(not answer.found for answer in checked))
    result = Recorded(batch, [*answered.new], [*answered.repeated], [], answered.checked, careless)
    of_probes = {*answered.new, *answered.repeated}
    writing = _Writing(session, reviewer, shown, care)
    writing.take([given for given in batch if given.key not in of_probes], tags, seen, result)
    writing.flush(double_share)
    return result


class _Writing:
    """The rows that a batch makes, written together at its end."""

    def __init__(self, session: Session, reviewer: Reviewer, shown: Circumstances, care: Care) -> None:
        self._session, self._reviewer, self._shown = session, reviewer, shown
        self._session_id, self._at = care.id, care.at
        self._tags: dict[int, dict[str, Any]] = {}
        self._events: list[dict[str, Any]] = []
        self._decisions: list[dict[str, Any]] = []
        self._settled: set[int] = set()
        self._sent: dict[str, int] = {}  # images by the key of the decision that leaves each to a colleague

    def take(self, batch: Sequence[Given], tags: dict[int, dict[str, Any]], seen: set[str], result: Recorded) -> None:
        """Take what is new and on what was seen, and note in `result` what became of each."""
        for given in batch:
            before = tags.get(given.object_id)
            if given.key in seen:
                result.repeated.append(given.key)
            elif before is None or before["version"] != given.version:
                result.conflicts.append(conflict(self._session, given.object_id, before))
            else:
                tags[given.object_id] = self._add(given, before)
                seen.add(given.key)
                result.recorded.append(given.key)

    def _add(self, given: Given, before: dict[str, Any]) -> dict[str, Any]:
        """Take one decision; returns the image's tag after it."""
        after, seq = before, None
        is_left = given.outcome in ("skip", "colleague")
        if not is_left and not self._shown.is_second_reading(given.screen_id, given.object_id):
            seq = before["version"] + 1
            new = decided_fields(given.category or "", None if given.outcome == "category" else given.outcome)
            after = new | {"object_id": given.object_id, "version": seq, "tagged_at": self._at}
            self._tags[given.object_id] = after
            self._events.append(
                {"object_id": given.object_id, "seq": seq, "old": fields_of(before), "new": new, "at": self._at}
                | {"actor": actors.of_person(self._reviewer.name), "why": f"reviewed ({given.how})"}
            )
        if not is_left or given.screen_id in self._shown.screens:
            self._settled.add(given.object_id)
        if given.outcome == "colleague":
            self._sent[given.key] = given.object_id
        self._decisions.append(self._row(given, before, seq))
        return after

    def flush(self, double_share: float) -> None:
        if not self._decisions:
            return
        tags = upserting(dialect_of(self._session), unless_human=False), list(self._tags.values())
        rows = [tags, (ADDING_EVENTS, self._events), (_ADDING, self._decisions)]
        written = write_together(self._session, rows, (_releasing(), {"ids": sorted(self._settled)}))
        self._second_opinions(dict(written.all()), double_share)

    def _second_opinions(self, ids: dict[str, int], double_share: float) -> None:
        """Close what was asked and is answered now, and ask what these decisions ask."""
        firsts = {}
        for row in self._decisions:
            if row["outcome"] == "skip":
                continue
            asked = self._shown.asked.pop(row["object_id"], None)
            if asked is not None and (asked.kind == "colleague" or row["drawn"] == "colleague"):
                opinions.close(self._session, asked, ids[row["key"]], (row["outcome"], row["category"]))
            elif row["drawn"] in ("flag", "audit"):
                firsts[row["object_id"]] = ids[row["key"]]
        opinions.ask_colleagues(self._session, {image: ids[key] for key, image in self._sent.items()})
        opinions.draw_doubles(self._session, firsts, double_share)

    def _row(self, given: Given, before: dict[str, Any], seq: int | None) -> dict[str, Any]:
        drawn = self._shown.drawn(given.screen_id, before)
        return {
            "key": given.key,
            "user_id": self._reviewer.id,
            "object_id": given.object_id,
            "screen_id": given.screen_id if given.screen_id in self._shown.screens else None,
            "session_id": self._session_id,
            "outcome": "skip" if given.outcome == "colleague" else given.outcome,
            "category": given.category,
            "seq": seq,
            "how": given.how,
            "drawn": drawn.why,
            "probability": drawn.probability,
            "suggested": None if given.blind or drawn.blind else given.suggested or before["category"],
            "dwell_ms": given.dwell_ms,
            "decided_at": self._at,
            "undone_at": None,
        }


def _hurried(batch: Sequence[Given]) -> int:
    """Count the grids that were settled in less time than one can look at them."""
    dwells: dict[int, list[int]] = defaultdict(list)
    for given in batch:
        if given.how in GRIDS and given.screen_id is not None and given.dwell_ms is not None:
            dwells[given.screen_id].append(given.dwell_ms)
    return sum(len(some) >= _A_GRID and fmean(some) < sittings.FLOOR_MS for some in dwells.values())


def _answers(batch: Sequence[Given]) -> list[Answer]:
    """Return the decisions on screens as answers to probes, as any of them may be one."""
    return [
        Answer(
            *(given.key, given.screen_id, given.object_id, "skip" if given.outcome == "colleague" else given.outcome),
            *(given.category, given.dwell_ms),
        )
        for given in batch
        if given.screen_id is not None
    ]


def fields_of(tag: dict[str, Any]) -> dict[str, Any]:
    """Return of a tag what its events hold."""
    return {name: tag[name] for name in TAG_FIELDS}


def _keys_of(session: Session, reviewer: Reviewer, keys: Sequence[str]) -> set[str]:
    return set(session.execute(_known_keys(), {"reviewer": reviewer.id, "keys": keys}).scalars())


@cache
def _known_keys() -> Select[str]:
    is_known = Decision.user_id == bindparam("reviewer"), Decision.key.in_(bindparam("keys", expanding=True))
    return select(Decision.key).where(*is_known)


@cache
def _releasing() -> Delete:
    return delete(table_of(ReviewClaim)).where(ReviewClaim.object_id.in_(bindparam("ids", expanding=True)))


def conflict(session: Session, object_id: int, tag: dict[str, Any] | None) -> Conflict:
    """Tell what an image is now, and by whom."""
    if tag is None:
        return Conflict(object_id, None, None, None)
    last = select(TagEvent.actor).where(TagEvent.object_id == object_id, TagEvent.seq == tag["version"])
    actor = session.execute(last).scalar_one_or_none()
    return Conflict(object_id, tag["category"], actors.name_of(actor) if actor else None, tag["version"])
