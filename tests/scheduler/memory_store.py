"""A store in memory: keys and version tokens, listed as S3 would, that fails when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from worker.storage.store import StoredObject, StoreUnavailable

MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Shelf:
    """`tokens` is what is on it. `fails_after`: a listing is cut after that many pages."""

    tokens: dict[str, str] = field(default_factory=dict)
    bucket: str = "photos"
    prefix: str = ""
    left_out: int = 0
    page_keys: int = 2
    fails_after: int | None = None
    listed_from: list[str] = field(default_factory=list)

    def put(self, *keys: str, token: str = "v1") -> None:
        self.tokens.update(dict.fromkeys(keys, token))

    def remove(self, *keys: str) -> None:
        for key in keys:
            del self.tokens[key]

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        self.listed_from.append(after)
        keys = sorted(key for key in self.tokens if key > after and key.startswith(self.prefix))
        for number, start in enumerate(range(0, len(keys), self.page_keys)):
            if number == self.fails_after:
                raise StoreUnavailable("503 SlowDown")
            yield [stored(key, self.tokens[key]) for key in keys[start : start + self.page_keys]]
        if self.fails_after is not None and self.fails_after * self.page_keys >= len(keys):
            raise StoreUnavailable("503 SlowDown")

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        raise NotImplementedError

    def presign(self, key: str, *, expires_s: int = 3600) -> str:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError


@dataclass
class Gate(Shelf):
    """A store that hangs before its second page until the gate is opened."""

    hangs: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        for number, page in enumerate(super().list_pages(after)):
            if number == 1:
                self.hangs.set()
                assert self.opened.wait(30)
            yield page


@dataclass
class Interrupted(Shelf):
    """Calls `meanwhile` before its second page."""

    meanwhile: Callable[[], object] = lambda: None

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        for number, page in enumerate(super().list_pages(after)):
            if number == 1:
                self.meanwhile()
            yield page


def stored(key: str, token: str) -> StoredObject:
    return StoredObject(key, token, 1000, MODIFIED)
