"""Selections: which images to classify again, combined freely, as conditions on an image and its tag."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from db.catalogue import failed
from db.keys import among, under
from db.objects import buckets
from db.schema import ImageTag, ModelVersion, SourceObject, WorkItem

WINDOW = 20_000
"""The most ids that a statement looks through, however few of them match."""
_KEYS = 500


@dataclass(frozen=True, slots=True)
class Part:
    """The images that one statement looks through: those with ids in a range, or with one of some keys.

    The range is asked of every table, or else a merge join reads the others from their beginnings each time.
    """

    after: int = 0
    up_to: int | None = None
    keys: ColumnElement[bool] | None = None

    def has(self, object_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
        return and_(object_id > self.after, true() if self.up_to is None else object_id <= self.up_to)

    def images(self, *columns: Any) -> Select[Any]:
        """Select columns of these images and their tags, if they have any."""
        of_image = and_(ImageTag.object_id == SourceObject.id, self.has(ImageTag.object_id))
        joined = select(*columns).select_from(SourceObject).outerjoin(ImageTag, of_image)
        return joined.where(self.has(SourceObject.id), SourceObject.gone_at.is_(None), *self._keys())

    def _keys(self) -> list[ColumnElement[bool]]:
        return [] if self.keys is None else [self.keys]


@dataclass(frozen=True, slots=True)
class Selection:
    """What to classify again. All that is given must hold; of several values for one thing, any."""

    everything: bool = False
    failed: bool = False
    missing: bool = False
    low_confidence: bool = False
    unlike_training: bool = False
    stale_model: bool = False
    reasons: tuple[str, ...] = ()  # narrow `failed`, as does the version of the program
    failed_under: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # name or name@version
    categories: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    since: str | None = None  # ISO 8601, with a zone
    runs: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said, not even that everything is meant."""
        return self == Selection()

    def as_dict(self) -> dict[str, Any]:
        """Return what was given, for the plan's row. Of keys only their number is kept there."""
        given = {name: value for name, value in asdict(self).items() if value not in (False, None, ())}
        return given | ({"keys": len(self.keys)} if self.keys else {})

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "Selection":
        """Read what `as_dict` wrote, without the keys."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
        return replace(cls(**values), keys=())

    def conditions(self, model_version_id: int, part: Part) -> list[ColumnElement[bool]]:
        """Return what must hold for the images of a part; the model is the one to classify with."""
        image, tag = SourceObject, ImageTag
        of_machine = tag.source == "model"
        given: list[tuple[object, Callable[[], ColumnElement[bool]]]] = [  # made for each step, so only what is used
            (self.failed, lambda: _failed(part, self.reasons, self.failed_under)),
            (self.missing, lambda: tag.object_id.is_(None)),
            (self.low_confidence, lambda: tag.review_reason == "low_confidence"),
            (self.unlike_training, lambda: tag.review_reason == "unlike_training"),
            (self.stale_model, lambda: and_(of_machine, tag.model_version_id != model_version_id)),
            (self.models, lambda: tag.model_version_id.in_(_of_models(self.models))),
            (self.categories, lambda: tag.category.in_(self.categories)),
            (self.prefixes, lambda: or_(false(), *map(under, self.prefixes))),
            (self.products, lambda: image.product_id.in_(self.products)),
            (self.since, lambda: _changed_since(self.since)),
            (self.runs, lambda: _in_runs(part, self.runs)),
        ]
        return [condition() for value, condition in given if value]

    def parts(self, session: Session) -> Iterator[Part]:
        """Yield parts that together hold all images that may be meant, each cheap to look through."""
        if not self.keys:
            last = session.execute(select(func.max(SourceObject.id))).scalar_one() or 0
            yield from (Part(low, low + WINDOW) for low in range(0, last, WINDOW))
            return
        every_bucket = list(buckets(session))
        for start in range(0, len(self.keys), _KEYS):
            some = self.keys[start : start + _KEYS]
            yield from (Part(keys=among(bucket, some)) for bucket in every_bucket)


def unknown_keys(session: Session, keys: Sequence[str]) -> list[str]:
    """Return those of these keys that no image has."""
    known: set[str] = set()
    for part in Selection(keys=tuple(keys)).parts(session) if keys else ():
        known.update(session.execute(part.images(SourceObject.key)).scalars())
    return [key for key in keys if key not in known]


def has_model(session: Session, name: str) -> bool:
    """Tell whether the catalogue knows a bundle of this name, or name@version."""
    return bool(session.execute(_of_models((name,)).limit(1)).first())


def find_model(session: Session, bundle_id: str) -> ModelVersion | None:
    """Return the model with this name@version."""
    name, _, version = bundle_id.rpartition("@")
    return session.execute(select(ModelVersion).filter_by(name=name, version=version)).scalar_one_or_none()


def _failed(part: Part, reasons: Sequence[str], versions: Sequence[str]) -> ColumnElement[bool]:
    """Match images that failed, for one of these reasons and under one of these versions of the program, if given."""
    item = aliased(WorkItem)
    under_versions = [item.failed_under.in_(versions)] if versions else []
    return exists().where(
        item.object_id == SourceObject.id, part.has(item.object_id), *failed(item, *reasons), *under_versions
    )


def _changed_since(since: str | None) -> ColumnElement[bool]:
    changed_at = func.coalesce(SourceObject.changed_at, SourceObject.first_seen)
    return changed_at >= datetime.fromisoformat(since or "")


def _in_runs(part: Part, runs: Sequence[int]) -> ColumnElement[bool]:
    item = aliased(WorkItem)
    return exists().where(item.object_id == SourceObject.id, part.has(item.object_id), item.run_id.in_(runs))


def _of_models(models: Sequence[str]) -> Any:
    bundle_id = ModelVersion.name + literal("@") + ModelVersion.version
    return select(ModelVersion.id).where(or_(ModelVersion.name.in_(models), bundle_id.in_(models)))


def present_buckets(session: Session) -> list[str]:
    """List the buckets of which images are there, as far as is known."""
    there = select(SourceObject.id).where(SourceObject.gone_at.is_(None)).limit(1)
    return [
        bucket for bucket in buckets(session) if session.execute(there.where(SourceObject.bucket == bucket)).first()
    ]
