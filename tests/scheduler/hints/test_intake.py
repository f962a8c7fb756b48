"""Hints: what they name is queued at once if the store has it, by the rules of a listing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import Celery

from db.operations import control, forgetting
from db.schema.vocabulary import HINTS
from scheduler.hints.events import Hint
from scheduler.hints.intake import BUNDLE_KEPT_S, Intake, Taken, open_intake
from scheduler.scan_requests import scan_request
from tests.db.catalogues import Catalogue, ask
from tests.scheduler.hints.finding import FindingShelf
from tests.scheduler.scans import items, present, scan, shown
from worker import celery as broker
from worker.settings import BadSettings, Settings


def hint(*keys: str, bucket: str = "photos") -> list[Hint]:
    return [Hint(bucket, key) for key in keys]


def tag_hinted(catalogue: Catalogue) -> int:
    claimed = catalogue.claim(queue_name="ops")
    return sum(catalogue.record([item], item.version_token) for item in claimed)


def test_a_hinted_image_is_queued_before_the_nights_work_and_rung_for(
    catalogue: Catalogue, app: Celery, intake: Intake, shelf: FindingShelf
) -> None:
    shelf.put("a.jpg", "b.jpg")

    taken = intake.take([*hint("a.jpg", "a.jpg"), *hint("gone.jpg")])

    assert (taken.named, taken.found, taken.queued) == (2, 1, 1)
    assert taken.ignored == {"elsewhere": 0, "absent": 1, "known": 0, "held": 0}
    assert present(catalogue) == {"a.jpg": "v1"}
    assert broker.depth(app, "ops") == 1
    run = "SELECT logical_key, kind, state, requested_by, bucket FROM run WHERE kind = 'hints'"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert catalogue.sql(run) == [(f"hints:{today}", "hints", "running", "hints", "photos")]
    assert tag_hinted(catalogue) == 1
    assert shown(catalogue) == {"a.jpg": "v1"}


def test_what_is_not_ours_leaves_no_trace(catalogue: Catalogue, intake: Intake, shelf: FindingShelf) -> None:
    shelf.put("shoes/a.jpg", "bags/a.jpg")
    shelf.prefix = "shoes/"

    taken = intake.take([*hint("bags/a.jpg", "forged.jpg"), *hint("shoes/a.jpg", bucket="other"), *hint("shoes/b.jpg")])

    assert (taken.named, taken.found) == (1, 0)
    assert taken.ignored == {"elsewhere": 3, "absent": 1, "known": 0, "held": 0}
    assert items(catalogue) == 0
    assert catalogue.value("SELECT count(*) FROM run WHERE kind = 'hints'") == 0


def test_a_doubled_hint_queues_nothing_and_opens_no_run(
    catalogue: Catalogue, intake: Intake, shelf: FindingShelf
) -> None:
    shelf.put("a.jpg")
    scan(catalogue, shelf)

    assert intake.take(hint("a.jpg")) == Taken(1, 1, 0, {"elsewhere": 0, "absent": 0, "known": 1, "held": 0})
    assert catalogue.value("SELECT count(*) FROM run WHERE kind = 'hints'") == 0


def test_the_run_of_a_date_goes_on_after_it_was_done(
    catalogue: Catalogue, intake: Intake, shelf: FindingShelf, scheduler: object
) -> None:
    shelf.put("a.jpg")
    intake.take(hint("a.jpg"))
    tag_hinted(catalogue)
    scheduler.tick()  # type: ignore[attr-defined]
    done = catalogue.value("SELECT state FROM run WHERE kind = 'hints'")

    shelf.put("b.jpg")
    shelf.put("a.jpg", token="v2")
    intake.take(hint("a.jpg", "b.jpg"))
    tag_hinted(catalogue)
    scheduler.tick()  # type: ignore[attr-defined]

    assert done == "finished"
    assert catalogue.value("SELECT state FROM run WHERE kind = 'hints'") == "finished"
    with catalogue.sessions() as session:
        counts = control.find(session, f"hints:{datetime.now(UTC):%Y-%m-%d}").counts
    assert (counts["new"], counts["changed"], counts["tagged"]) == (2, 1, 3)
    assert catalogue.violations() == []


@pytest.mark.parametrize("held", ["pause", "cancel"])
def test_hints_for_a_run_that_somebody_holds_are_left_to_the_listing(
    catalogue: Catalogue, intake: Intake, shelf: FindingShelf, held: str
) -> None:
    shelf.put("a.jpg", "b.jpg")
    intake.take(hint("a.jpg"))
    run = catalogue.value("SELECT id FROM run WHERE kind = 'hints'")
    with catalogue.sessions.begin() as session:
        control.pause(session, run, actor="person:amina", why="stocktaking")
    if held == "cancel":
        with catalogue.sessions.begin() as session:
            control.end_cancel(session, run, actor="person:amina", why="stocktaking")

    assert intake.take(hint("b.jpg")).ignored["held"] == 1
    assert set(present(catalogue)) == {"a.jpg"}
    assert scan(catalogue, shelf).new == 1


def test_a_promotion_begins_another_run_of_the_date(
    catalogue: Catalogue, intake: Intake, shelf: FindingShelf, bundle: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("a.jpg", "b.jpg")
    intake.take(hint("a.jpg"))
    bundle.version = "2"
    later = BUNDLE_KEPT_S + 1
    monkeypatch.setattr("scheduler.hints.intake.time", SimpleNamespace(monotonic=lambda: 10**9 + later))

    intake.take(hint("b.jpg"))

    runs = "SELECT r.logical_key, m.version FROM run r JOIN model_version m ON m.id = r.model_version_id"
    today = f"hints:{datetime.now(UTC):%Y-%m-%d}"
    assert catalogue.sql(f"{runs} WHERE r.kind = 'hints' ORDER BY r.id") == [(today, "1"), (f"{today}:2", "2")]


def test_a_forgotten_image_is_not_taken_in_again(catalogue: Catalogue, intake: Intake, shelf: FindingShelf) -> None:
    shelf.put("a.jpg")
    scan(catalogue, shelf)
    of_key = forgetting.of_source("photos", "a.jpg")
    ask(catalogue, lambda session: forgetting.forget_some(session, of_key, for_good=True))

    assert intake.take(hint("a.jpg")).queued == 0
    assert present(catalogue) == {}


def test_an_image_that_was_gone_is_back(catalogue: Catalogue, intake: Intake, shelf: FindingShelf) -> None:
    shelf.put("a.jpg", "b.jpg")
    scan(catalogue, shelf)
    shelf.remove("a.jpg")
    scan(catalogue, shelf)
    shelf.put("a.jpg")

    assert intake.take(hint("a.jpg")).queued == 1
    assert set(present(catalogue)) == {"a.jpg", "b.jpg"}


def test_a_look_that_is_older_than_a_listing_overrules_nothing(
    catalogue: Catalogue, intake: Intake, shelf: FindingShelf
) -> None:
    shelf.put("a.jpg")
    scan(catalogue, shelf)

    def overwritten() -> None:
        shelf.put("a.jpg", token="v3")
        scan(catalogue, shelf)

    shelf.put("a.jpg", token="v2")
    shelf.meanwhile = overwritten

    assert intake.take(hint("a.jpg")).queued == 0
    assert present(catalogue) == {"a.jpg": "v3"}


def test_hints_are_tried_as_often_as_a_night_tries() -> None:
    request = scan_request(SimpleNamespace(kind=HINTS, selection={}), Settings())  # type: ignore[arg-type]

    assert (request.queue, request.priority, request.retries.a_day) == ("ops", 50, 1)


def test_hints_of_a_folder_are_refused_with_a_remedy(catalogue: Catalogue, app: Celery, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"TAGGER_SOURCE names the folder .* set TAGGER_SOURCE to s3://"):
        open_intake(Settings(source=str(tmp_path)), catalogue.sessions, app)
