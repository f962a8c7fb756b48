"""The job of `tagger run` and `scan`: a source, a bundle and a catalogue, and the scan of one into the other."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.context import actor, catalogue_if_any, load_settings, open_catalogue, refuse

if TYPE_CHECKING:
    from db.schema import Run
    from db.session import Sessions
    from model.bundle import Bundle
    from scheduler.discovery import Scanned
    from worker.bootstrap import Classifiers
    from worker.settings import Settings
    from worker.storage.store import Store


@dataclass(slots=True)
class Job:
    """A source, a bundle and a catalogue, all checked before anything is changed."""

    settings: Settings
    store: Store
    bundle: Bundle
    sessions: Sessions
    tagged_before: int = 0
    """How many of the run's images were tagged before this command, if it goes on with one."""

    @classmethod
    def prepare(cls, source: str | None, model: str | None, *, needs_broker: bool, may_be_gone: bool = False) -> Job:
        """Check all. With `may_be_gone` a source that the catalogue knows need not exist any more."""
        from cli.tagging import known_sources
        from worker import bundle_lookup
        from worker.bootstrap import check_taxonomy, source_store
        from worker.settings import cores
        from worker.storage.store import StoreGone

        settings = load_settings(model=model)
        source = source or settings.source
        if source is None:
            raise refuse("nothing to tag: name a folder or s3://bucket/prefix, or set TAGGER_SOURCE", code=2)
        known = catalogue_if_any(settings)
        bundle = bundle_lookup.resolve(settings.model, settings.bundle_folders, known)
        check_taxonomy(settings, bundle)
        store = source_store(settings, source)
        try:
            store.check()
        except StoreGone:
            if not (may_be_gone and known and _knows_images_of(store, known)):
                raise
        if needs_broker and not settings.embedded:
            from worker.celery import check_broker, create_app

            check_broker(create_app(settings))
        if store.bucket.startswith("file:"):
            # Nobody waits for a folder, so threads beyond the cores only wait for each other: 600 images/s, not 800.
            settings = settings.model_copy(update={"io_threads": min(settings.io_threads, max(2, cores()))})
        if known:
            known_sources.warn(store, known)
        return cls(settings, store, bundle, known or open_catalogue(settings, create=True))

    def classifiers(self) -> Classifiers:
        """Return what tags in this process. A bundle that cannot run is found before anything is recorded."""
        from worker.bootstrap import Classifiers

        classifiers = Classifiers(self.settings, self.sessions)
        if self.settings.embedded:
            classifiers.load(self.bundle)
        return classifiers

    def scan(self, limit: int | None, allow_mass_removal: bool) -> tuple[int, Scanned]:
        """Open a run, or continue one that was interrupted, and list the source."""
        from worker import run_requests

        with self.sessions.begin() as session:
            run, was_interrupted = run_requests.open_or_continue(
                session, self.store, self.bundle, requested_by=actor(), limit=limit
            )
        if was_interrupted:
            print(f"tagger: continuing run {run.id}, which was interrupted", file=sys.stderr)
        return run.id, self.list_source(run, allow_mass_removal)

    def list_source(self, run: Run, allow_mass_removal: bool) -> Scanned:
        """List the source for a run that is set to scanning, or wait for another process that does."""
        from cli.tagging.follow import listing
        from db.runs import ScanTakenOver, work_counts
        from db.session import reading
        from scheduler import discovery
        from scheduler.scan_requests import scan_request

        with reading(self.sessions) as session:
            self.tagged_before = work_counts(session, run.id)["tagged"]
        request = scan_request(run, self.settings, allow_mass_removal=allow_mass_removal)
        scanned = None
        while scanned is None:
            try:
                with listing(self.settings, self.sessions) as tick:
                    scanned = discovery.scan(self.sessions, self.store, run.id, request, on_page=tick)
            except ScanTakenOver as error:
                print(f"tagger: {error}; following it", file=sys.stderr)
                scanned = self._scanned_elsewhere(run.id)
        return scanned

    def _scanned_elsewhere(self, run_id: int) -> Scanned | None:
        """Wait for another process to scan. None: it has stopped, and the scan is ours to go on with."""
        from db import runs
        from db.schema import Run
        from db.session import now, reading
        from scheduler.discovery import Scanned
        from scheduler.scanning import STALE_SCAN_S
        from worker.storage.store import StoreMisconfigured

        while True:
            with reading(self.sessions) as session:
                run = session.get_one(Run, run_id)
                is_stale = run.updated_at < now(session) - timedelta(seconds=STALE_SCAN_S)
            if run.state == "failed":
                raise StoreMisconfigured(run.counts["error"])
            if run.state not in ("planned", "scanning"):
                counts = run.counts
                found = {name: counts.get(name, 0) for name in ("seen", "new", "changed", "gone", "left_out")}
                return Scanned(refused=counts["gone_refused"], known=0, **found)
            if is_stale:
                with self.sessions.begin() as session:
                    if runs.take_over_scan(session, run_id, stale_s=STALE_SCAN_S):
                        return None
            time.sleep(0.5)


def _knows_images_of(store: Store, sessions: Sessions) -> bool:
    from db import objects
    from db.session import reading

    with reading(sessions) as session:
        return objects.count_known(session, store.bucket, store.prefix).present > 0
