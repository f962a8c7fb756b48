"""Why an image was shown to somebody, and with what probability, which nobody can tell later."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from db.operations import plan_changes
from db.review.items import Given
from db.review.truth import audit, opinions
from db.review.truth.audit import AUDIT
from db.review.truth.opinions import Asked
from db.review.truth.probes import TABLE as PROBES, Place
from db.schema import ReviewScreen


@dataclass(frozen=True, slots=True)
class Drawn:
    """Why an image was shown, with what probability it was drawn for that, and whether without a suggestion."""

    why: str
    probability: float | None
    blind: bool


@dataclass(frozen=True, slots=True)
class On:
    """A screen on which an image was shown: its mode, and the plan that it was about, if any."""

    mode: str
    plan: str | None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the images of a batch before it is recorded."""

    user_id: int
    screens: dict[int, On]
    asked: dict[int, Asked]
    audits: dict[int, float]
    probes: dict[Place, Row[*tuple[Any, ...]]]

    def drawn(self, screen_id: int | None, tag: Mapping[str, Any]) -> Drawn:
        """Tell why an image with this tag was shown; what was on no screen of this reviewer, he has found himself."""
        if screen_id not in self.screens:
            return Drawn("search", None, blind=False)
        asked = self.asked.get(tag["object_id"])
        if asked is not None and asked.is_for(self.user_id):
            return Drawn("colleague", asked.probability, blind=True)
        if tag["needs_review"] and tag["review_reason"] == AUDIT:
            return Drawn(AUDIT, self.audits.get(tag["object_id"]), blind=True)
        return Drawn("flag", 1.0, blind=False) if tag["needs_review"] else Drawn("search", None, blind=False)

    def is_second_reading(self, screen_id: int | None, object_id: int) -> bool:
        """Tell whether a decision is only compared with another one: the image was settled, and is read again."""
        asked = self.asked.get(object_id)
        is_his = asked is not None and asked.kind == "double" and asked.is_for(self.user_id)
        return is_his and screen_id in self.screens


def read(
    session: Session, user_id: int, object_ids: Collection[int], screen_ids: Collection[int]
) -> tuple[dict[int, dict[str, Any]], Circumstances]:
    """Read the tags of images, and their circumstances as far as they were on one of these screens."""
    rows = session.execute(_own(), {"reader": user_id, "ids": sorted(screen_ids)}).all() if screen_ids else ()
    screens = {row.on_screen: On(row.mode, row.filters.get("plan")) for row in rows}
    probes = {(row.on_screen, row.object_id): row for row in rows if row.id is not None}
    tags, asked = opinions.with_tags(session, object_ids)
    audited = [object_id for object_id, tag in tags.items() if tag["needs_review"] and tag["review_reason"] == AUDIT]
    shares = audit.shares(session, audited) if audited else {}
    return tags, Circumstances(user_id, screens, asked, shares, probes)


def as_shown(session: Session, batch: Sequence[Given], shown: Circumstances) -> list[Given]:
    """Return decisions as made on their screens: in which mode, and on what a plan has proposed."""
    plans = {screen.plan for screen in shown.screens.values() if screen.plan is not None}
    changes = [plan_changes.of(session, plan, [given.object_id for given in batch]) for plan in sorted(plans)]
    proposed = {id: change.becomes for some in changes for id, change in some.items()}
    return [
        replace(given, how=shown.screens[given.screen_id].mode, suggested=proposed.get(given.object_id))
        if given.screen_id in shown.screens
        else given
        for given in batch
    ]


@cache
def _own() -> Select[*tuple[Any, ...]]:
    """Select a reviewer's own among screens, each with its probes."""
    probe, screen = PROBES.c, ReviewScreen
    columns = screen.mode, screen.filters, probe.id, probe.object_id, probe.shown, probe.truth, probe.key
    both = select(screen.id.label("on_screen"), *columns).outerjoin(PROBES, probe.screen_id == screen.id)
    return both.where(screen.user_id == bindparam("reader"), screen.id.in_(bindparam("ids", expanding=True)))
