"""Throughput of each stage alone, on one thread: the limit of any arrangement of them on one core."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from db import migrations, queue, runs, tags
from db.queue import ClaimedItem
from db.schema import CONFIDENCE_UNIT
from db.session import Sessions, connect, sessions_of
from db.tags import Tagged
from model.bundle import Bundle
from model.classifier import Classifier, Images
from scheduler.discovery import ScanRequest, scan
from stack.topology import Topology
from worker.storage.open import open_bucket
from worker.storage.store import S3Options, Store

BATCH = 64
_CLAIM = 256
_MAX_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Stage:
    """Milliseconds per image: wall-clock time, and CPU time of this process without the servers."""

    wall_ms: float
    cpu_ms: float

    @property
    def images_per_second(self) -> float:
        return 1000 / self.wall_ms

    def as_json(self) -> dict[str, float]:
        """Return the values for the benchmark's JSON line."""
        return {
            "images_per_second": round(self.images_per_second, 1),
            "wall_ms": round(self.wall_ms, 3),
            "cpu_ms": round(self.cpu_ms, 3),
        }


def measure(running: Topology, bundle: Path, limit: int) -> dict[str, Stage]:
    """Measure get, decode, classify and record on at most `limit` images of the bucket."""
    store = open_bucket(running.bucket, _options(running))
    listed = next(store.list_pages())[:limit]
    classifier = Classifier.load(bundle)
    files = [store.read(item.key, item.version_token, max_bytes=_MAX_BYTES) for item in listed]
    stages = {}
    stages["get"] = _timed(
        len(listed), lambda: [store.read(item.key, item.version_token, max_bytes=_MAX_BYTES) for item in listed]
    )
    prepared: list[Images] = []
    stages["decode"] = _timed(len(files), lambda: prepared.extend(classifier.prepare(data) for data in files))
    pixels = np.stack(prepared)
    batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
    stages["classify"] = _timed(len(pixels), lambda: [classifier.classify(batch) for batch in batches])
    with _catalogue(running) as sessions:
        stages["record"] = _record(sessions, store, classifier)
    return stages


def _timed(images: int, work: Callable[[], object]) -> Stage:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Stage(1000 * wall / images, 1000 * cpu / images)


def _record(sessions: Sessions, store: Store, classifier: Classifier) -> Stage:
    """Claim and record every image of the store, with the same result for each."""
    model_version_id, images = _scanned(sessions, store, classifier.bundle)
    scores = [CONFIDENCE_UNIT // len(classifier.bundle.categories)] * len(classifier.bundle.categories)

    def work() -> None:
        while items := _claim(sessions, model_version_id):
            for start in range(0, len(items), BATCH):
                _write(
                    sessions, items[start : start + BATCH], classifier.bundle.categories[0], scores, model_version_id
                )

    return _timed(images, work)


def _claim(sessions: Sessions, model_version_id: int) -> list[ClaimedItem]:
    with sessions.begin() as session:
        return queue.claim(session, queue="nightly", model_version_id=model_version_id, owner="bench", limit=_CLAIM)


def _write(
    sessions: Sessions, items: Sequence[ClaimedItem], category: str, scores: list[int], model_version_id: int
) -> None:
    tagged = [Tagged(item, category, CONFIDENCE_UNIT, scores, None, False, None) for item in items]
    with sessions.begin() as session:
        tags.record(session, tagged, model_version_id=model_version_id)


def _scanned(sessions: Sessions, store: Store, bundle: Bundle) -> tuple[int, int]:
    """Scan the store in a run of its own; return its model_version id and the number of images."""
    with sessions.begin() as session:
        model = runs.register_model(session, bundle.name, bundle.version)
        run, _ = runs.open_run(
            session, logical_key="bench", kind="scan", selection={}, model=model, requested_by="bench"
        )
        run_id, model_version_id = run.id, model.id
    return model_version_id, scan(sessions, store, run_id, ScanRequest()).new


@contextmanager
def _catalogue(running: Topology) -> Iterator[Sessions]:
    engine = connect(running.database.new_database())
    try:
        migrations.upgrade(engine)
        yield sessions_of(engine)
    finally:
        engine.dispose()


def _options(running: Topology) -> S3Options:
    store = running.store
    return S3Options(
        endpoint_url=store.url, access_key_id=store.access_key_id, secret_access_key=store.secret_access_key
    )
