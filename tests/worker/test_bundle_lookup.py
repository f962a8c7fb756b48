"""What a name stands for, and a worker that keeps running while that changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from db import promotions, runs
from db.invariants import violations
from db.session import Sessions, reading
from model import bundle as library
from model.bundle import Bundle, BundleNotFound
from scheduler import discovery
from scheduler.scan_requests import scan_request
from stack.processes import wait_until
from tests.conftest import SAMPLES
from tests.model.versions import with_test
from worker import run_requests, settings
from worker.bootstrap import Classifiers, Stores, build_tagger, source_store
from worker.bundle_lookup import is_name, resolve, resolve_version
from worker.service import _warm_up
from worker.settings import Settings
from worker.storage.store import Store
from worker.tagging import Tagger, work

NAME = "fashion-mnist"


@dataclass(frozen=True)
class Pair:
    """Two versions under one name whose results tell which of them made them: one never asks for a review."""

    folder: Path
    trusting: Bundle
    wary: Bundle


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    folder, shipped = tmp_path / "bundles", library.find(NAME)
    trusting = with_test(shipped, folder / "trusting", None, thresholds=(0.0,) * 10, ood=None)
    return Pair(folder, trusting, with_test(shipped, folder / "wary", None, thresholds=(1.01,) * 10, ood=None))


def promote(sessions: Sessions, bundle: Bundle) -> None:
    with sessions.begin() as session:
        model = runs.register_model(session, bundle.name, bundle.version, str(bundle.folder))
        seen = promotions.standing(session, bundle.name)
        promotions.promote(session, seen, model, actor="person:amina")


def test_a_name_alone_stands_for_the_promoted_version_and_nothing_else_does(sessions: Sessions, pair: Pair) -> None:
    folders = [pair.folder]
    newest = resolve(NAME, folders, sessions).folder
    other = pair.trusting if newest == pair.wary.folder else pair.wary

    promote(sessions, other)

    assert resolve(NAME, folders, sessions).folder == other.folder
    assert resolve(NAME, folders, None).folder == newest
    assert resolve(pair.wary.id, folders, sessions).folder == pair.wary.folder
    assert resolve(pair.trusting.id, folders, sessions).folder == pair.trusting.folder
    assert resolve(str(pair.wary.folder), folders, sessions).folder == pair.wary.folder


def test_a_folder_here_of_the_same_name_does_not_hide_the_promoted_version(
    sessions: Sessions, pair: Pair, tmp_path: Path
) -> None:
    with_test(library.find(NAME), tmp_path / NAME, None, temperature=1.0)
    promote(sessions, pair.wary)

    assert resolve(NAME, [pair.folder], sessions).folder == pair.wary.folder
    assert resolve(f"./{NAME}", [pair.folder], sessions).folder == Path(NAME)
    references = (NAME, f"./{NAME}", f"{NAME}@1", f"bundles/{NAME}")
    assert [is_name(reference) for reference in references] == [True, False, False, False]


def test_a_promoted_bundle_that_is_gone_is_named_with_what_to_do(sessions: Sessions, pair: Pair) -> None:
    promote(sessions, pair.wary)
    pair.wary.folder.rename(pair.folder.parent / "elsewhere")

    with pytest.raises(BundleNotFound) as refused:
        resolve(NAME, [pair.folder], sessions)

    message = str(refused.value)
    assert message.startswith(f"{pair.wary.id} is promoted (")
    assert "by amina" in message
    assert "TAGGER_BUNDLES" in message
    assert f"tagger model rollback {NAME}" in message


def test_a_bundle_promoted_by_its_path_is_found_there_until_another_version_lies_there(
    sessions: Sessions, pair: Pair
) -> None:
    promote(sessions, pair.wary)
    with reading(sessions) as session:
        version = promotions.promoted(session)[NAME]

    bundle = resolve_version(version, [])
    pair.wary.folder.rename(pair.folder / "before")
    pair.trusting.folder.rename(pair.wary.folder)

    assert bundle.folder == pair.wary.folder
    with pytest.raises(BundleNotFound, match="now holds another version"):
        resolve_version(version, [])


def test_a_worker_warms_up_with_the_promoted_version(sessions: Sessions, pair: Pair) -> None:
    for bundle in (pair.trusting, pair.wary):
        promote(sessions, bundle)
        configured = settings.load(bundles=pair.folder)
        classifiers = Classifiers(configured, sessions)

        tagger = build_tagger(configured, sessions, classifiers)
        _warm_up(configured, tagger, classifiers)
        tagger.close_decoders()

        assert list(classifiers._loaded) == [bundle.id]


@dataclass
class Gate:
    """A store that delivers so many images and holds the others back until it is opened."""

    store: Store
    at_once: int
    opened: threading.Event = field(default_factory=threading.Event)
    reads: int = 0

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        self.reads += 1
        if self.reads > self.at_once:
            assert self.opened.wait(60)
        return self.store.read(key, version_token, max_bytes=max_bytes)


@contextmanager
def working(tagger: Tagger, stop: threading.Event) -> Iterator[threading.Thread]:
    """Work in a thread of this process, never started anew."""

    def keep_working() -> None:
        while not stop.is_set():
            work(tagger, "ops")
            time.sleep(0.01)

    thread = threading.Thread(target=keep_working)
    thread.start()
    yield thread
    stop.set()
    thread.join(60)


def scan(sessions: Sessions, configured: Settings) -> int:
    """As `tagger scan` does it."""
    store = source_store(configured, str(SAMPLES))
    bundle = resolve(configured.model, configured.bundle_folders, sessions)
    with sessions.begin() as session:
        run, _ = run_requests.open_or_continue(session, store, bundle, requested_by="person:amina")
    discovery.scan(sessions, store, run.id, scan_request(run, configured))
    return run.id


def done(sessions: Sessions) -> int:
    with reading(sessions) as session:
        return int(session.execute(text("SELECT count(*) FROM classification")).scalar_one())


RESULTS = text(
    "SELECT m.version, w.model_version_id, w.run_id, c.model_version_id AS made_by, c.needs_review, c.created_at"
    " FROM classification c JOIN work_item w ON w.id = c.work_item_id JOIN model_version m ON m.id = w.model_version_id"
)


def test_a_running_worker_uses_what_is_promoted_for_later_runs_and_mixes_no_two_in_a_micro_batch(
    sessions: Sessions, database_url: str, pair: Pair
) -> None:
    configured = settings.load(database_url=database_url, bundles=pair.folder, chunk=50, micro_batch=8, io_threads=2)
    stop, gate = threading.Event(), Gate(Stores(configured)(SAMPLES.as_uri()), at_once=30)
    tagger = build_tagger(configured, sessions, Classifiers(configured, sessions), stopping=stop.is_set)
    tagger = replace(tagger, store_of=lambda bucket: gate)
    promote(sessions, pair.trusting)

    with working(tagger, stop) as worker:
        first = scan(sessions, configured)
        wait_until(lambda: done(sessions) >= 16, "the first results", 60)
        promote(sessions, pair.wary)
        second = scan(sessions, configured)
        gate.opened.set()
        wait_until(lambda: not worker.is_alive() or done(sessions) == 200, "the results of both runs", 120)
        still_running = worker.is_alive()
    tagger.pool.shutdown()
    tagger.close_decoders()

    with reading(sessions) as session:
        results = session.execute(RESULTS).all()
        assert list(violations(session)) == []
    assert still_running
    assert {(result.run_id, result.version) for result in results} == {
        (first, pair.trusting.version),
        (second, pair.wary.version),
    }
    assert [result for result in results if result.made_by != result.model_version_id] == []
    assert {(result.version, bool(result.needs_review)) for result in results} == {
        (pair.trusting.version, False),
        (pair.wary.version, True),
    }
    together: dict[object, set[str]] = {}
    for result in results:  # a micro-batch is recorded at one instant
        together.setdefault(result.created_at, set()).add(result.version)
    assert len(together) >= 200 / 8
    assert all(len(versions) == 1 for versions in together.values())
