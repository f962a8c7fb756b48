"""Why an image was shown to somebody, and with what probability, which nobody can tell later."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.review.truth import audit, opinions
from db.review.truth.audit import AUDIT
from db.review.truth.opinions import Asked
from db.schema import ReviewScreen


@dataclass(frozen=True, slots=True)
class Drawn:
    """Why an image was shown, with what probability it was drawn for that, and whether without a suggestion."""

    why: str
    probability: float | None
    blind: bool


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the images of a batch before it is recorded."""

    user_id: int
    screens: set[int]
    asked: dict[int, Asked]
    audits: dict[int, float]

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
    session: Session, user_id: int, tags: Mapping[int, Mapping[str, Any]], screen_ids: Collection[int]
) -> Circumstances:
    """Read the circumstances of the images with these tags, as far as they were on one of these screens."""
    own = select(ReviewScreen.id).where(ReviewScreen.user_id == user_id, ReviewScreen.id.in_(screen_ids))
    screens = set(session.execute(own).scalars()) if screen_ids else set()
    audited = [object_id for object_id, tag in tags.items() if tag["needs_review"] and tag["review_reason"] == AUDIT]
    shares = audit.shares(session, audited) if audited else {}
    return Circumstances(user_id, screens, opinions.open_of(session, tags) if tags else {}, shares)
