"""Decisions of people: tag, event and decision are written in one transaction, once, on what the person has seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import fmean
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.orm import Session

from db import actors
from db.review.human_tags import decided_fields
from db.review.truth import circumstances, opinions, probes, sittings
from db.review.truth.circumstances import Circumstances
from db.review.truth.probes import Answer, Checked
from db.schema import Decision, ReviewClaim, TagEvent
from db.schema.columns import table_of
from db.session import now
from db.tags import TAG_FIELDS, TAGS, lock_objects, upsert_tags

GRIDS = ("sweep", "pair")
"""Modes in which each image is a cell; in product mode one stands for several."""
_A_GRID = 8
"""Images from which on a grid can be looked at too hastily."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides: the row of the user, and the name that the history shows."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as it is sent: `key` is the client's and makes it idempotent, `version` the tag's that was seen.

    `outcome` is one of OUTCOMES, or "colleague", who is to decide instead; `category` is given only with "category",
    `screen_id` if the image was on a screen.
    """

    key: str
    object_id: int
    version: int
    outcome: str
    category: str | None = None
    screen_id: int | None = None
    how: str = "api"
    blind: bool = False
    dwell_ms: int | None = None
    suggested: str | None = None  # if something else than the tag was shown as the answer


@dataclass(frozen=True, slots=True)
class Conflict:
    """An image that somebody changed since it was seen: what it is now, and by whom. All None: it is not there."""

    object_id: int
    category: str | None
    by: str | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch: the keys that were recorded now or before, and what others were quicker with.

    `checked` are the probes among it, and `careless` tells that something was missed again, or settled in a hurry.
    """

    recorded: list[str]
    repeated: list[str]
    conflicts: list[Conflict]
    checked: list[Checked] = field(default_factory=list)
    careless: bool = False


def record(session: Session, reviewer: Reviewer, batch: Sequence[Given], *, double_share: float = 0.0) -> Recorded:
    """Record a batch in the caller's transaction; what was recorded before, or has changed since, is only told.

    Answers to probes are kept apart from decisions. Of the rest `double_share` is to be read by a second reviewer, too.
    """
    lock_objects(session, [given.object_id for given in batch])
    tags = tags_of(session, [given.object_id for given in batch])
    seen = _keys_of(session, reviewer, [given.key for given in batch])
    hurried = _hurried([given for given in batch if given.key not in seen])
    care = sittings.go_on(session, reviewer.id, hurried=hurried)
    answered = probes.answer(session, reviewer.id, care.id, _answers(batch))
    checked = [answer for answer in answered.checked if answer.found is not None]
    if checked:
        found = sum(bool(answer.found) for answer in checked)
        care = sittings.go_on(session, reviewer.id, probes=len(checked), found=found)
    was_careless = hurried > 0 or any(not answer.found for answer in checked)
    result = Recorded([*answered.new], [*answered.repeated], [], answered.checked, was_careless and care.is_careless)
    of_probes = {*answered.new, *answered.repeated}
    writing = _Writing(session, reviewer, _circumstances(session, reviewer, batch, tags), care.id)
    writing.take([given for given in batch if given.key not in of_probes], tags, seen, result)
    writing.flush(double_share)
    return result


class _Writing:
    """The rows that a batch makes, written together at its end."""

    def __init__(self, session: Session, reviewer: Reviewer, shown: Circumstances, session_id: int) -> None:
        self._session, self._reviewer, self._shown = session, reviewer, shown
        self._session_id, self._at = session_id, now(session)
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
        if self._tags:
            self._session.execute(upsert_tags(self._session), list(self._tags.values()))
            self._session.execute(insert(table_of(TagEvent)), self._events)
        made = table_of(Decision)
        written = self._session.execute(insert(made).returning(made.c.key, made.c.id), self._decisions)
        self._second_opinions(dict(written.all()), double_share)
        self._session.execute(delete(ReviewClaim).where(ReviewClaim.object_id.in_(sorted(self._settled))))

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
    in_grids = [given for given in batch if given.how in GRIDS and given.screen_id is not None]
    timed = [given for given in in_grids if given.dwell_ms is not None]
    by_screen = groupby(sorted(timed, key=_screen_of), key=_screen_of)
    dwells = [[given.dwell_ms or 0 for given in some] for _, some in by_screen]
    return sum(len(some) >= _A_GRID and fmean(some) < sittings.FLOOR_MS for some in dwells)


def _screen_of(given: Given) -> int:
    return given.screen_id or 0


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


def _circumstances(
    session: Session, reviewer: Reviewer, batch: Sequence[Given], tags: dict[int, dict[str, Any]]
) -> Circumstances:
    screens = {given.screen_id for given in batch if given.screen_id is not None}
    return circumstances.read(session, reviewer.id, tags, screens)


def fields_of(tag: dict[str, Any]) -> dict[str, Any]:
    """Return of a tag what its events hold."""
    return {name: tag[name] for name in TAG_FIELDS}


def tags_of(session: Session, object_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return tags by image, as they are now."""
    rows = session.execute(select(TAGS).where(TAGS.c.object_id.in_(sorted(object_ids))))
    return {row.object_id: dict(row._mapping) for row in rows}


def _keys_of(session: Session, reviewer: Reviewer, keys: Sequence[str]) -> set[str]:
    known = select(Decision.key).where(Decision.user_id == reviewer.id, Decision.key.in_(keys))
    return set(session.execute(known).scalars())


def conflict(session: Session, object_id: int, tag: dict[str, Any] | None) -> Conflict:
    """Tell what an image is now, and by whom."""
    if tag is None:
        return Conflict(object_id, None, None, None)
    last = select(TagEvent.actor).where(TagEvent.object_id == object_id, TagEvent.seq == tag["version"])
    actor: Row[str] | None = session.execute(last).one_or_none()
    return Conflict(object_id, tag["category"], actors.name_of(actor[0]) if actor else None, tag["version"])
