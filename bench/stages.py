"""Throughput of each stage alone, on one thread: the limit of any arrangement of them on one core."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.scan import catalogue, scan_in_run
from db import tags
from db.queue import claims
from db.queue.leases import ClaimedItem
from db.schema import CONFIDENCE_UNIT
from db.session import Sessions
from db.tags import Tagged
from model.classifier import Classifier, Images
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

    def as_json(self) -> dict[str, float]:
        """Return the values for the benchmark's JSON line."""
        return {
            "images_per_second": round(1000 / self.wall_ms, 1),
            "wall_ms": round(self.wall_ms, 3),
            "cpu_ms": round(self.cpu_ms, 3),
        }


def measure(running: Topology, bundle: Path, limit: int) -> dict[str, Stage]:
    """Measure get, decode, classify and record on at most `limit` images of the bucket."""
    store = open_bucket(running.bucket, _options(running))
    listed = next(filter(None, store.list_pages()))[:limit]
    classifier = Classifier.load(bundle)

    def get() -> list[bytes]:
        return [store.read(item.key, item.version_token, max_bytes=_MAX_BYTES) for item in listed]

    files = get()
    stages = {"get": _timed(len(listed), get)}
    prepared: list[Images] = []
    stages["decode"] = _timed(len(files), lambda: prepared.extend(classifier.prepare(data) for data in files))
    pixels = np.stack(prepared)
    batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
    stages["classify"] = _timed(len(pixels), lambda: [classifier.classify(batch) for batch in batches])
    with catalogue(running.database.new_database()) as sessions:
        stages["record"] = _record(sessions, store, classifier)
    return stages


def _timed(images: int, work: Callable[[], object]) -> Stage:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Stage(1000 * wall / images, 1000 * cpu / images)


def _record(sessions: Sessions, store: Store, classifier: Classifier) -> Stage:
    """Scan the store, then claim and record every image, with the same result for each."""
    model_version_id, scanned = scan_in_run(sessions, store, "bench")
    categories = classifier.bundle.categories
    scores = [CONFIDENCE_UNIT // len(categories)] * len(categories)

    def work() -> None:
        while items := _claim(sessions, model_version_id):
            tagged = [Tagged(item, categories[0], CONFIDENCE_UNIT, scores, None, False, None) for item in items]
            for start in range(0, len(tagged), BATCH):
                with sessions.begin() as session:
                    tags.record(session, tagged[start : start + BATCH], model_version_id=model_version_id)

    return _timed(scanned.new, work)


def _claim(sessions: Sessions, model_version_id: int) -> list[ClaimedItem]:
    with sessions.begin() as session:
        return claims.claim(session, queue="nightly", model_version_id=model_version_id, owner="bench", limit=_CLAIM)


def _options(running: Topology) -> S3Options:
    store = running.store
    return S3Options(
        endpoint_url=store.url, access_key_id=store.access_key_id, secret_access_key=store.secret_access_key
    )
