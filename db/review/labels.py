"""Labels that people wrote into a file, on their way to human tags."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.keys import among
from db.review.human_tags import set_human_tags
from db.schema import ImageTag, SourceObject

STEP = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the catalogue with its tag, if it has one."""

    id: int
    bucket: str
    key: str
    category: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """How many labels change a tag, how many of these one that a person gave, and how many stand there already."""

    changed: int
    replaced: int
    unchanged: int


def buckets(session: Session) -> list[str]:
    """List the buckets that the catalogue knows, by a probe of the index for each."""
    names: list[str] = []
    while True:
        after = select(func.min(SourceObject.bucket)).where(SourceObject.bucket > (names[-1] if names else ""))
        name: str | None = session.execute(after).scalar_one_or_none()
        if name is None:
            return names
        names.append(name)


def find_images(session: Session, bucket: str, keys: Sequence[str]) -> Iterator[Image]:
    """Yield the images of these keys that exist in a bucket."""
    image, tag = SourceObject, ImageTag
    for some in _steps(sorted(set(keys))):
        found = (
            select(image.id, image.bucket, image.key, tag.category, tag.source)
            .join(tag, tag.object_id == image.id, isouter=True)
            .where(among(bucket, some), image.gone_at.is_(None))
        )
        yield from (Image(*row) for row in session.execute(found))


def record(session: Session, labels: Mapping[Image, str], *, person: str, why: str, dry_run: bool = False) -> Imported:
    """Make the labels human tags in the caller's transaction; those that stand there already are left as they are."""
    changes = {image.id: label for image, label in labels.items() if (image.source, image.category) != ("human", label)}
    if not dry_run:
        for some in _steps(sorted(changes.items())):
            set_human_tags(session, dict(some), person=person, why=why)
    replaced = sum(image.source == "human" and image.id in changes for image in labels)
    return Imported(len(changes), replaced, len(labels) - len(changes))


def _steps(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[first : first + STEP] for first in range(0, len(values), STEP))
