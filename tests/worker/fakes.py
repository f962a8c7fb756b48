"""A store and a classifier that do what a test tells them, in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from db import runs
from db.session import Sessions
from model.classifier import Prediction
from model.images.decoding import DecodeLimits, ImageRejected
from scheduler import discovery
from scheduler.scan_requests import ScanRequest
from worker.storage.store import StoredObject, StoreUnavailable
from worker.tagging import Tagger


@dataclass
class FakeStore:
    """Objects by key. A value that is an exception is raised by `read`."""

    contents: dict[str, bytes | Exception]
    bucket: str = "shop"
    prefix: str = ""
    left_out: int = 0
    reachable: bool = True
    reads: int = 0

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        keys = sorted((key for key in self.contents if key > after), key=str.encode)
        for start in range(0, len(keys), 1000):
            yield [StoredObject(key, f"v1:{key}", 1, datetime.now(UTC)) for key in keys[start : start + 1000]]

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        self.reads += 1
        content = self.contents[key]
        if isinstance(content, Exception):
            raise content
        return content

    def presign(self, key: str, *, expires_s: int = 3600) -> str:
        return f"https://shop.example/{key}"

    def check(self) -> None:
        if not self.reachable:
            raise StoreUnavailable("the shop is closed; try again")


class FakeBundle:
    id = "fake@1"


@dataclass
class FakeClassifier:
    """Says "dress" of everything; bytes that begin with b"bad:" are refused for the reason that follows."""

    confidence: float = 0.97311
    batches: list[int] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    bundle: type[FakeBundle] = FakeBundle

    def prepare(self, data: bytes, limits: DecodeLimits) -> np.ndarray:
        if data.startswith(b"bad:"):
            raise ImageRejected(data[4:].decode(), "made by the test")  # type: ignore[arg-type]
        return np.zeros((2, 2, 1), np.uint8)

    def classify(self, images: np.ndarray) -> list[Prediction]:
        self.before()
        self.batches.append(len(images))
        scores = np.array([self.confidence, 1 - self.confidence], np.float32)
        return [Prediction("dress", self.confidence, scores, None, False, None) for _ in images]


def tagger(sessions: Sessions, store: FakeStore, classifier: FakeClassifier, **options: Any) -> Tagger:
    return Tagger(
        sessions=sessions,
        store_of=lambda bucket: store,
        classifier_of=lambda model_version_id: classifier,  # type: ignore[arg-type, return-value]
        pool=ThreadPoolExecutor(4),
        limits=DecodeLimits(),
        owner=f"test:{threading.get_ident()}",
        **options,
    )


def scanned_run(sessions: Sessions, store: FakeStore, key: str = "test:1") -> int:
    """Open a run over the store and scan it; its items are pending in the queue `nightly`."""
    with sessions.begin() as session:
        model = runs.register_model(session, "fake", "1")
        run, _ = runs.open_run(
            session, logical_key=key, kind="nightly", selection={"source": "x"}, model=model, requested_by="test"
        )
        run_id = run.id
    discovery.scan(sessions, store, run_id, ScanRequest())
    return run_id


@dataclass
class Out(FakeStore):
    """A store whose reads all fail while it is `out`, though it may be listed."""

    out: Exception | None = None
    check_error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        self.asked.append(key)
        if self.out is not None:
            raise self.out
        return super().read(key, version_token, max_bytes=max_bytes)

    def check(self) -> None:
        if self.check_error is not None:
            raise self.check_error
