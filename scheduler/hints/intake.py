"""Intake of hints: the images they name are looked up in the store, recorded as a listing would, and rung for.

A hint is not believed: the store says what is there, and the next listing what is true. So a hint that is doubled,
late, lost or forged changes nothing in the end, and any number of processes may take them.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count
from threading import Lock

import structlog
from celery import Celery
from sqlalchemy.orm import Session

from db import objects, runs
from db.schema import ModelVersion, Run
from db.schema.vocabulary import HINTS
from db.session import Sessions, in_transaction, now
from model.bundle import Bundle
from scheduler import doorbells
from scheduler.hints.counters import Ignored
from scheduler.hints.events import Hint
from scheduler.recording import Recorder
from scheduler.scan_requests import scan_request
from worker.bootstrap import source_store
from worker.bundle_lookup import register, resolve
from worker.operations.nights import night_source
from worker.run_requests import source_of
from worker.settings import BadSettings, Settings
from worker.storage.store import BucketStore, StoredObject

log = structlog.get_logger()

BUNDLE_KEPT_S = 30.0
"""So long a promotion may go unnoticed by hints; to find and check a bundle takes longer than to take a hint."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of some hints: how many images they named of our source, how many were there, and were queued.

    The others that were named are counted by why nothing is done for them.
    """

    named: int
    found: int = 0
    queued: int = 0
    ignored: Mapping[Ignored, int] = field(default_factory=dict)


class Intake:
    """The hints of one source. Threads share it."""

    def __init__(self, settings: Settings, sessions: Sessions, app: Celery, store: BucketStore) -> None:
        self._settings = settings
        self._sessions = sessions
        self._app = app
        self._store = store
        self._lock = Lock()
        self._bundle: tuple[float, Bundle] | None = None

    def take(self, hints: Collection[Hint]) -> Taken:
        """Record the images that hints name, and ring for those that are to be tagged.

        Raises the errors of the store, of finding the bundle and of the catalogue; then the hints may be given again.
        """
        keys = sorted({hint.key for hint in hints if self._is_ours(hint)})
        elsewhere = sum(not self._is_ours(hint) for hint in hints)
        if not keys:
            return Taken(0, ignored={"elsewhere": elsewhere})
        bundle = self._model()
        began_at = in_transaction(self._sessions, now)
        found = [stored for stored in map(self._store.find, keys) if stored is not None]
        record = partial(self._record, bundle=bundle, found=found, began_at=began_at)
        queued, held = in_transaction(self._sessions, record) if found else (0, 0)
        if queued:
            doorbells.ring_all(self._app, self._sessions, chunk=self._settings.chunk)
        log.info("hints_taken", named=len(keys), found=len(found), queued=queued)
        known, absent = len(found) - queued - held, len(keys) - len(found)
        ignored: Mapping[Ignored, int] = {"elsewhere": elsewhere, "absent": absent, "known": known, "held": held}
        return Taken(len(keys), len(found), queued, ignored)

    def _is_ours(self, hint: Hint) -> bool:
        return hint.bucket == self._store.bucket and hint.key.startswith(self._store.prefix)

    def _model(self) -> Bundle:
        """Find the bundle that a night would use."""
        with self._lock:
            if self._bundle is None or time.monotonic() - self._bundle[0] > BUNDLE_KEPT_S:
                bundle = resolve(self._settings.model, self._settings.bundle_folders, self._sessions)
                self._bundle = time.monotonic(), bundle
            return self._bundle[1]

    def _record(
        self, session: Session, *, bundle: Bundle, found: Sequence[StoredObject], began_at: datetime
    ) -> tuple[int, int]:
        """Queue what is to be tagged; returns how many images were queued, and were not as somebody holds the run."""
        request = scan_request(Run(kind=HINTS, selection={}), self._settings)
        model, bucket = register(session, bundle), self._store.bucket
        keys = [stored.key for stored in found]
        known = objects.known_among(session, bucket, keys, model.id, retries=request.retries)
        recorder = Recorder(bucket, request, began_at)
        difference, _ = recorder.differences(session, model.id, known, found)
        if not difference:
            return 0, 0
        run = self._run(session, model)
        if not runs.go_on(session, run, difference.counts | {"seen": len(found)}):
            log.info("hints_left", run=run.id, state=run.state, images=len(found))  # the next listing finds them
            return 0, len(found)
        return recorder.write(session, run, difference), 0

    def _run(self, session: Session, model: ModelVersion) -> Run:
        """Return the run of today's hints; another one of that date after a promotion or for another source."""
        today, selection = self._settings.date_of(now(session)), {"source": source_of(self._store)}
        for number in count(1):
            run, is_new = runs.open_run(
                session,
                logical_key=f"{HINTS}:{today}" if number == 1 else f"{HINTS}:{today}:{number}",
                kind=HINTS,
                selection=selection,
                model=model,
                requested_by=HINTS,
                state="running",
            )
            if is_new:
                runs.of_store(session, run.id, self._store.bucket)
            if run.model_version_id == model.id and run.selection == selection:
                return run
        raise AssertionError("a number is free")


def open_intake(settings: Settings, sessions: Sessions, app: Celery) -> Intake:
    """Make the intake of what a night tags. Raises BadSettings for a folder, and what opening a source does."""
    store = source_store(settings, night_source(settings))
    if not isinstance(store, BucketStore):
        raise BadSettings(
            f"hints are events of an S3 server, but TAGGER_SOURCE names the folder {store.bucket}: set TAGGER_SOURCE"
            " to s3://bucket/prefix, or leave the TAGGER_EVENTS_* settings out"
        )
    return Intake(settings, sessions, app, store)
