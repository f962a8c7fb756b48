"""The tags that people gave: one written by itself, and all of them as labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import CatalogueError, actors
from db.schema import CONFIDENCE_UNIT, ImageTag, SourceObject
from db.session import now
from db.tags import TAG_FIELDS, add_events, as_dict, last_seqs, lock_objects, put_tags, tags_of


class NoSuchObject(CatalogueError):
    """No image with that id is in the catalogue."""


@dataclass(frozen=True, slots=True)
class HumanTag:
    """The category that a person gave to an image, and where its bytes are."""

    bucket: str
    key: str
    version_token: str
    product_id: str | None
    category: str


def set_human_tag(session: Session, object_id: int, category: str, *, person: str, why: str) -> None:
    """Record a person's decision. From here on no model changes this image's category."""
    set_human_tags(session, {object_id: category}, person=person, why=why)


def set_human_tags(session: Session, categories: Mapping[int, str], *, person: str, why: str) -> None:
    """Record a person's decisions by object id. Raises NoSuchObject, and then nothing is to be committed."""
    missing = categories.keys() - lock_objects(session, list(categories)).keys()
    if missing:
        raise NoSuchObject(f"no image has the id {min(missing)}; `tagger export` lists what there is")
    before = tags_of(session, categories)
    seqs = last_seqs(session, sorted(categories.keys() - before.keys()))
    decided_at = now(session)
    rows, events = [], []
    for object_id, category in sorted(categories.items()):
        new, old = decided_fields(category), before.get(object_id)
        version = (old.version if old else seqs[object_id]) + 1
        rows.append(new | {"object_id": object_id, "version": version, "tagged_at": decided_at})
        event = {"object_id": object_id, "seq": version, "old": as_dict(old), "new": new, "at": decided_at}
        events.append(event | {"actor": actors.of_person(person), "why": why})
    put_tags(session, rows)
    add_events(session, events)


def decided_fields(category: str, reason: str | None = None) -> dict[str, Any]:
    """Return a tag's fields as a person decides them; without a category, `reason` says why there is none."""
    return dict.fromkeys(TAG_FIELDS) | {
        "category": category,
        "confidence": CONFIDENCE_UNIT,
        "needs_review": False,
        "review_reason": reason,
        "source": "human",
    }


def human_tags(session: Session) -> list[HumanTag]:
    """List the categories that people gave to images that still exist, by bucket and key."""
    image, tag = SourceObject, ImageTag
    statement = (
        select(image.bucket, image.key, image.version_token, image.product_id, tag.category)
        .join(tag, tag.object_id == image.id)
        .where(tag.source == "human", tag.category != "", image.gone_at.is_(None))
        .order_by(image.bucket, image.key)
    )
    return [HumanTag(*row) for row in session.execute(statement)]
