"""Metrics, health checks, and the alert rules that are shipped for them."""

from __future__ import annotations

import re
import urllib.request
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from db import heartbeats
from db.operations import schedule
from db.queue import throttle
from db.reporting import batches, gate
from db.reporting.batches import Batch
from db.session import connect, sessions_of
from scheduler.hints.counters import HintCounters
from scheduler.monitoring import health, metrics
from scheduler.monitoring.health import Health
from scheduler.monitoring.metrics import application, start_server
from stack.processes import free_ports
from tests.conftest import ROOT
from tests.db.catalogues import Catalogue, an_image_tagged
from worker.operations.nights import begin_night
from worker.settings import BadSettings, Settings

Samples = dict[tuple[str, str], float]


def get(app: Any, path: str) -> tuple[str, str]:
    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    answered: list[str] = []
    body = b"".join(app(environ, lambda code, headers: answered.append(code)))
    return answered[0], body.decode()


def scrape(app: Any) -> Samples:
    """Return the values by name and label."""
    code, text = get(app, "/metrics")
    assert code == "200 OK"
    families = text_string_to_metric_families(text)
    return {(s.name, ",".join(s.labels.values())): s.value for family in families for s in family.samples}


@pytest.fixture
def settings(photos_folder: Path) -> Settings:
    return Settings(source=str(photos_folder), schedule="* * * * *", night_deadline=time(7))


@pytest.fixture
def busy(catalogue: Catalogue, settings: Settings) -> Catalogue:
    """One of everything that has a metric."""
    an_image_tagged(catalogue)
    catalogue.items("waits", "too")
    night = begin_night(settings, catalogue.sessions, datetime.now(UTC).date(), requested_by="schedule").run
    with catalogue.sessions.begin() as session:
        heartbeats.beat(session, "host:1", slots=4, started_at=datetime.now(UTC))
        throttle.hold(session, "another-bucket", "it hangs")
        schedule.tell(session, night.logical_key, "late", {})
        gate.note(session, night.id, "held", {"text": "all grey"})
        batches.add(session, {night.id: Batch(seconds={"read": 2.5, "decode": 1, "classify": 1, "record": 1})})
    return catalogue


def test_the_catalogue_is_measured(busy: Catalogue, settings: Settings) -> None:
    found = scrape(application(settings, busy.sessions, Health(leads=True)))

    expected = {
        ("tagger_catalogue_up", ""): 1,
        ("tagger_scheduler_leads", ""): 1,
        ("tagger_stalled", ""): 0,
        ("tagger_items", "pending"): 2,
        ("tagger_items", "done"): 1,
        ("tagger_claimable_items", "nightly"): 2,
        ("tagger_claimable_items", "ops"): 0,
        ("tagger_workers", ""): 1,
        ("tagger_worker_slots", ""): 4,
        ("tagger_store_held", "another-bucket"): 1,
        ("tagger_night_gate_held", ""): 1,
        ("tagger_night_stage_seconds", "read"): 2.5,
        ("tagger_run_open_items", "scan:1"): 2,
        ("tagger_run_done_items", "scan:1"): 1,
        ("tagger_night_finished", ""): 0,
        ("tagger_night_notice", "late"): 1,
        ("tagger_night_notice", "absent"): 0,
        ("tagger_night_images", "seen"): 0,
    }
    assert {key: found[key] for key in expected} == expected
    assert 0 <= found["tagger_oldest_waiting_seconds", ""] < 600


def test_without_a_catalogue_the_process_is_measured_alone(settings: Settings) -> None:
    engine = connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    found = scrape(application(settings, sessions_of(engine), Health()))

    assert found["tagger_catalogue_up", ""] == 0
    assert "tagger_scheduler_tick_age_seconds" in {name for name, _ in found}
    assert "tagger_items" not in {name for name, _ in found}
    engine.dispose()


def test_alert_rules_and_docs_name_the_metrics_that_there_are(busy: Catalogue, settings: Settings) -> None:
    found = scrape(application(settings, busy.sessions, Health(), HintCounters()))
    there_are = {name for name, _ in found if name[:7] == "tagger_"}
    rules = yaml.safe_load((ROOT / "docs" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    asked = {name for rule in rules for name in re.findall(r"\btagger_\w+", rule["expr"])}

    assert asked <= there_are
    assert set(re.findall(r"^\| `(tagger_\w+)", page, re.MULTILINE)) == there_are
    assert re.findall(r"^\| `(Tagger\w+)` \| \S", page, re.MULTILINE) == [rule["alert"] for rule in rules]
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)


def test_health_is_red_while_work_stands_still_and_where_this_scheduler_leads(settings: Settings) -> None:
    state = Health(leads=True)
    app = application(settings, sessions_of(connect("sqlite://")), state)
    first = get(app, "/healthz")
    for at_s in (0.0, health.STALLED_AFTER_S):
        state.stall.add(at_s, claimable=1, settled=0)

    stalled, ready = get(app, "/healthz"), get(app, "/readyz")
    state.leads = False

    assert first == ("200 OK", "ok\n")
    assert stalled[0] == "503 Service Unavailable"
    assert "nothing was done" in stalled[1]
    assert ready[0] == get(app, "/healthz")[0] == "200 OK"


def test_a_scheduler_is_not_ready_while_it_hangs_or_does_not_reach_the_catalogue(settings: Settings) -> None:
    state = Health()
    app = application(settings, sessions_of(connect("sqlite://")), state)

    state.tick(reaches_catalogue=False, leads=False)
    lost = get(app, "/readyz")
    state.tick(reaches_catalogue=True, leads=False)
    state.ticked_at_s -= health.HANGS_AFTER_S + 1
    hangs = get(app, "/healthz")

    assert (lost[0], hangs[0]) == ("503 Service Unavailable", "503 Service Unavailable")
    assert "catalogue" in lost[1]
    assert "hangs" in hangs[1]
    assert get(app, "/else")[0] == "404 Not Found"


def test_the_port_is_served_and_a_second_process_is_told_that_it_is_taken(
    settings: Settings, catalogue: Catalogue
) -> None:
    [port] = free_ports(1)
    settings = settings.model_copy(update={"metrics_port": port})
    server = start_server(settings, catalogue.sessions, Health())
    assert server is not None

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
        body = answer.read()
    with pytest.raises(BadSettings, match=f"TAGGER_METRICS_PORT: {port} cannot be used"):
        metrics.start_server(settings, catalogue.sessions, Health())

    assert body == b"ok\n"
    server.shutdown()
    server.server_close()
