"""Audits: a share of the images that passed is looked at all the same, to know how many of those are right."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select
from sqlalchemy.orm import Session

from db.schema import Classification, Decision, ImageTag, ModelVersion, TagEvent
from db.tags import Tagged

AUDIT, FLAG = "audit", "flag"
RECENT = 20_000
"""Decisions in which answers to flagged images are looked for: the last ones, so that it costs the same at any age."""


def draw(results: Sequence[Tagged], share: float) -> list[Tagged]:
    """Flag a share of the results that need no review, by their images' keys, so that a re-run draws the same."""
    return [
        replace(result, needs_review=True, review_reason=AUDIT, audit_share=share)
        if not result.needs_review and is_drawn(AUDIT, result.item.key, share)
        else result
        for result in results
    ]


def is_drawn(what: str, key: str, share: float) -> bool:
    """Tell whether an image is among the `share` that are drawn for something: always the same ones."""
    digest = hashlib.sha256(f"{what}\0{key}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def is_audit() -> ColumnElement[bool]:
    """Match tags that wait for an audit, in the very words of their index."""
    return ImageTag.needs_review & (ImageTag.review_reason == literal_column("'audit'"))


def shares(session: Session, object_ids: Collection[int]) -> dict[int, float]:
    """Return the probability with which each of these images was drawn, where its last result tells it."""
    newest = select(func.max(Classification.id)).where(Classification.object_id.in_(sorted(object_ids)))
    drawn = newest.where(Classification.audit_share.is_not(None)).group_by(Classification.object_id)
    statement = select(Classification.object_id, Classification.audit_share).where(Classification.id.in_(drawn))
    return {object_id: float(share or 0) for object_id, share in session.execute(statement)}


@cache
def outcomes(drawn: str = AUDIT) -> Select[*tuple[Any, ...]]:
    """Select by model and category, as the model had it, how what was drawn came out; weighted by one over the
    probability. Audits are all counted, flagged images among the RECENT decisions.
    """
    old = TagEvent.old
    said = old["category"].as_string()
    weight = 1.0 / Decision.probability
    right = (Decision.outcome == "category") & (Decision.category == said)
    newest = select(func.coalesce(func.max(Decision.id), 0)).scalar_subquery()
    recent = [Decision.id > newest - RECENT] if drawn == FLAG else []
    is_drawn_so = Decision.drawn == literal_column(f"'{drawn}'")  # in the very words of the index of audits
    return (
        select(
            (ModelVersion.name + "@" + ModelVersion.version).label("model"),
            said.label("category"),
            right.label("right"),
            func.count().label("images"),
            func.sum(weight).label("weight"),
            func.sum(weight * weight).label("squares"),
        )
        .join(TagEvent, (TagEvent.object_id == Decision.object_id) & (TagEvent.seq == Decision.seq))
        .outerjoin(ModelVersion, ModelVersion.id == old["model_version_id"].as_integer())
        .where(is_drawn_so, Decision.undone_at.is_(None), Decision.probability > 0, *recent)
        .group_by(ModelVersion.name, ModelVersion.version, said, right)
    )
