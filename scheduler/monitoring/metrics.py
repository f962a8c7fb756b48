"""Metrics for Prometheus, read from the catalogue at each scrape, with `/healthz` and `/readyz` beside them."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.operations import schedule
from db.reporting import batches, gate, watch
from db.schema.vocabulary import NIGHT_NOTICES
from db.session import Sessions, reading
from db.status import status
from scheduler.monitoring.health import Health
from scheduler.web import serve
from worker.settings import Settings
from worker.watching.deadlines import LastNight, last_night

OUTCOMES = ("seen", "new", "changed", "gone", "tagged", "needs_review", "skipped", "quarantined")


class Catalogue(Collector):
    """What a scheduler knows of the catalogue, and of itself."""

    def __init__(self, settings: Settings, sessions: Sessions, health: Health) -> None:
        self._settings = settings
        self._sessions = sessions
        self._health = health
        self._began = datetime.now(UTC)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all metrics; without a catalogue only those of this process."""
        begun = time.monotonic()
        families: list[GaugeMetricFamily] = []
        try:
            with reading(self._sessions) as session:
                families += self._of_catalogue(session)
        except SQLAlchemyError:
            families.clear()
        yield _one("tagger_catalogue_up", "1 if this scrape could read the catalogue.", bool(families))
        yield _one("tagger_scrape_seconds", "What reading the catalogue took.", time.monotonic() - begun)
        yield _one("tagger_scheduler_leads", "1 if this scheduler leads.", self._health.leads)
        age_s = time.monotonic() - self._health.ticked_at_s
        yield _one("tagger_scheduler_tick_age_seconds", "Seconds since this scheduler's last tick.", age_s)
        stalled = self._health.leads and self._health.stall.stalled
        yield _one("tagger_stalled", "1 if work waits and nothing was done for five minutes.", stalled)
        yield from families

    def _of_catalogue(self, session: Session) -> Iterator[GaugeMetricFamily]:
        snapshot = status(session)
        yield _by("tagger_items", "Items by state.", "state", snapshot["items"])
        claimable = {name: queue["claimable"] for name, queue in snapshot["queues"].items()}
        yield _by("tagger_claimable_items", "Items that could be claimed now, up to 100,000.", "queue", claimable)
        waiting_s = watch.oldest_waiting_s(session) or 0.0
        yield _one("tagger_oldest_waiting_seconds", "For how long the first item in turn waits.", waiting_s)
        yield _one("tagger_workers", "Living workers.", len(snapshot["workers"]))
        slots = sum(worker["slots"] for worker in snapshot["workers"])
        yield _one("tagger_worker_slots", "Chunks that the living workers take at once.", slots)
        held = {store["bucket"]: 1 for store in snapshot["held_stores"]}
        yield _by("tagger_store_held", "1 for each store that is held during an outage.", "bucket", held)
        unfinished = watch.progress(session)
        for name, text, values in (
            (
                "tagger_run_done_items",
                "Done items of each unfinished run.",
                {r.logical_key: r.done for r in unfinished},
            ),
            (
                "tagger_run_open_items",
                "Open items of each unfinished run.",
                {r.logical_key: r.left for r in unfinished},
            ),
        ):
            yield _by(name, text, "run", values)
        yield from self._of_night(session, last_night(session, self._settings, self._began))

    def _of_night(self, session: Session, night: LastNight | None) -> Iterator[GaugeMetricFamily]:
        told = schedule.told(session, night.key) if night else {}
        flags = {notice: notice in told for notice in NIGHT_NOTICES}
        yield _by("tagger_night_notice", "1 for what was told of the last night.", "notice", flags)
        if night is None:
            return
        yield _one("tagger_night_due_timestamp_seconds", "When the last night was due.", night.due_at.timestamp())
        run = night.run
        done = run is not None and run.state == "finished"
        yield _one("tagger_night_finished", "1 if the last night is finished.", done)
        if night.deadline is not None and not done:
            left_s = (night.deadline - datetime.now(UTC)).total_seconds()
            yield _one("tagger_night_deadline_seconds", "Seconds left to the deadline; negative: over.", left_s)
        found = gate.finding(session, run.id) if run is not None else None
        yield _one("tagger_night_gate_held", "1 if the gate holds the last night.", gate.holds(found))
        spent = batches.total(session, run.id).seconds if run is not None else {}
        yield _by("tagger_night_stage_seconds", "Seconds that workers took for a stage of the night.", "stage", spent)
        images = {name: run.counts.get(name, 0) for name in OUTCOMES} if run else {}
        yield _by("tagger_night_images", "Images of the last night.", "outcome", images)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))


def _by(name: str, text: str, label: str, values: dict[str, Any]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def application(
    settings: Settings, sessions: Sessions, health: Health, *others: Collector
) -> Callable[..., Iterable[bytes]]:
    """Build the WSGI application of `/metrics`, with what others collect among them, `/healthz` and `/readyz`."""
    registry = CollectorRegistry()
    for collector in (Catalogue(settings, sessions, health), *others):
        registry.register(collector)
    ProcessCollector(registry=registry)
    metrics: Callable[..., Iterable[bytes]] = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start)
        checks = {"/healthz": health.unhealthy, "/readyz": health.unready}
        wrong = checks[path]() if path in checks else "there are /metrics, /healthz and /readyz"
        code = "404 Not Found" if path not in checks else "503 Service Unavailable" if wrong else "200 OK"
        start(code, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{wrong or 'ok'}\n".encode()]

    return answer


def start_server(settings: Settings, sessions: Sessions, health: Health, *others: Collector) -> WSGIServer | None:
    """Serve in a thread of its own, if a port is set. Raises BadSettings if the port cannot be used."""
    if settings.metrics_port is None:
        return None
    metrics = application(settings, sessions, health, *others)
    return serve(metrics, settings.metrics_port, name="metrics", setting="TAGGER_METRICS_PORT")
