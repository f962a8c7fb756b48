"""The categories that a reviewer may choose from, and the model's best for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db.review.items import Item
from db.schema import CONFIDENCE_UNIT, ModelVersion
from db.session import Sessions, reading
from model import ModelError
from worker.bootstrap import taxonomy_of
from worker.settings import Settings

if TYPE_CHECKING:  # numpy is imported for the first screen, so that the process listens sooner
    from model.decisions.category_mapping import CategoryMapping

BEST = 3


class Categories:
    """Categories by model; the taxonomy and each bundle are read once."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings, self._sessions = settings, sessions
        self._mappings: dict[int, CategoryMapping | None] = {}
        self._names: list[str] | None = None

    def names(self) -> list[str]:
        """Return what an image may be decided to be: the shop's own categories, or those of the bundle."""
        if self._names is None:
            taxonomy = taxonomy_of(self._settings)
            if taxonomy is not None:
                self._names = [category.name for category in taxonomy.categories]
            else:
                from worker.bundle_lookup import resolve

                bundle = resolve(self._settings.model, self._settings.bundle_folders, self._sessions)
                self._names = list(bundle.categories)
        return self._names

    def also_called(self) -> dict[str, list[str]]:
        """Return the titles and synonyms of the shop's categories that have any, by which they are found, too."""
        taxonomy = taxonomy_of(self._settings)
        others = {
            category.name: [*category.titles.values(), *category.synonyms]
            for category in (taxonomy.categories if taxonomy else ())
        }
        return {name: called for name, called in others.items() if called}

    def candidates(self, item: Item) -> list[dict[str, Any]]:
        """Return the best categories for an image, its tag first, each with its probability."""
        tagged = {"category": item.category, "confidence": item.confidence / CONFIDENCE_UNIT}
        mapping = self._mapping(item.model_version_id)
        if mapping is None or item.scores is None or len(item.scores) != len(mapping.own):
            return [tagged]
        import numpy as np

        scores = np.asarray([item.scores], np.float32) / np.float32(CONFIDENCE_UNIT)
        shares = mapping.shares(scores)[0]
        best = [
            {"category": mapping.names[mapping.leaves[place]], "confidence": round(float(shares[place]), 4)}
            for place in shares.argsort()[::-1][:BEST]
        ]
        return [tagged, *(other for other in best if other["category"] != item.category)][:BEST]

    def _mapping(self, model_version_id: int | None) -> CategoryMapping | None:
        if model_version_id is None:
            return None
        if model_version_id not in self._mappings:
            self._mappings[model_version_id] = self._read_mapping(model_version_id)
        return self._mappings[model_version_id]

    def _read_mapping(self, model_version_id: int) -> CategoryMapping | None:
        """Read how a bundle's scores become categories; None if it is not here any more."""
        from model.decisions.category_mapping import CategoryMapping
        from worker.bundle_lookup import resolve_version

        with reading(self._sessions) as session:
            version = session.get_one(ModelVersion, model_version_id)
        try:
            bundle = resolve_version(version, self._settings.bundle_folders)
            taxonomy = taxonomy_of(self._settings)
            if taxonomy is not None:
                return CategoryMapping.from_taxonomy(taxonomy, bundle.categories)
            return CategoryMapping.identity(bundle.categories)
        except ModelError:
            return None
