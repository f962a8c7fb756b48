"""The scheduler judges nights by itself, as nobody may come to claim."""

from __future__ import annotations

import random

import pytest

from db.reporting import gate
from db.reporting.batches import Batch
from scheduler.nights.gate import NightGate
from tests.db.catalogues import Catalogue, ask
from tests.worker.operations.good_nights import GREY, a_good_night, drawn, open_night
from worker.settings import Settings


@pytest.mark.parametrize("mode", ["off", "warn", "hold"])
def test_a_night_that_nobody_claims_of_is_judged(
    catalogue: Catalogue, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for night in range(5):
        a_good_night(catalogue, f"2026-11-{10 + night}", random.Random(night), images=256)
    run_id = open_night(catalogue, "2026-11-22")
    far, greys = gate.Progress(256, 0, 0, 9_000), sum(drawn(256, GREY, random.Random(1)), Batch())
    monkeypatch.setattr(gate, "progress", lambda *_: far)
    monkeypatch.setattr(gate, "figures", lambda *_: greys)

    for _ in range(2):
        NightGate(Settings(gate=mode), catalogue.sessions).judge()  # type: ignore[arg-type]

    found = ask(catalogue, gate.finding, run_id)
    state = catalogue.value("SELECT state FROM run WHERE id = :id", id=run_id)
    actions = {"off": (None, "running"), "warn": ("warned", "running"), "hold": ("held", "paused")}
    assert (getattr(found, "action", None), state) == actions[mode]
