"""A shelf that finds single keys, as a bucket does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.scheduler.memory_store import Shelf, stored
from worker.storage.store import StoredObject


@dataclass
class FindingShelf(Shelf):
    """`meanwhile` is called once after the next key was looked up."""

    meanwhile: Callable[[], object] | None = None

    def find(self, key: str) -> StoredObject | None:
        token = self.tokens.get(key)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return None if token is None else stored(key, token)
