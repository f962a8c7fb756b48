"""Nights as rows: what good ones came to, and one that has been listed and waits for workers."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from db import runs
from db.reporting import batches
from db.reporting.batches import Batch
from db.schema import ModelVersion, Run
from tests.db.catalogues import Catalogue

ORDINARY = (6.0, 1.2, 0.03, 0.004)
"""Of a night: the two parameters of its confidences' beta distribution, how much is unlike the training, or fails."""
GREY = (2.0, 2.0, 0.9, 0.004)


def drawn(images: int, of: tuple[float, float, float, float], chance: random.Random) -> list[Batch]:
    """Draw what a night comes to, in micro-batches of 64."""
    night = []
    for first in range(0, images, 64):
        batch = Batch(images=min(64, images - first))
        for _ in range(batch.images):
            add(batch, of, chance)
        night.append(batch)
    return night


def add(batch: Batch, of: tuple[float, float, float, float], chance: random.Random) -> None:
    alpha, beta, unlike, failed = of
    if chance.random() < failed:
        batch.failed += 1
        return
    confidence, is_unlike = chance.betavariate(alpha, beta), chance.random() < unlike
    batch.results += 1
    batch.unlike += is_unlike
    batch.flagged += is_unlike or confidence < 0.7
    batch.bands[min(int(10 * confidence), 9)] += 1


def a_good_night(catalogue: Catalogue, name: str, chance: random.Random, images: int = 640) -> int:
    """Add a night that has ended, as its rows say; returns its run's id."""
    run_id, night = open_night(catalogue, name), drawn(images, ORDINARY, chance)
    results = sum(batch.results for batch in night)
    with catalogue.sessions.begin() as session:
        run = session.get_one(Run, run_id)
        run.state, run.finished_at = "finished", datetime.now(UTC)
        run.counts = run.counts | {"tagged": results, "skipped": images - results, "quarantined": 0}
        for batch in night:
            batches.add(session, {run_id: batch})
        batches.compact(session, run_id)
    return run_id


def open_night(catalogue: Catalogue, name: str) -> int:
    with catalogue.sessions.begin() as session:
        model = session.get_one(ModelVersion, catalogue.model_id)
        run, _ = runs.open_run(
            session,
            logical_key=f"nightly:{name}",
            kind="nightly",
            selection={"source": "photos"},
            model=model,
            requested_by="schedule",
            state="running",
        )
        return run.id
