"""An intake on a shelf that finds single keys, for the model of the catalogue."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import Celery

from scheduler.hints.intake import Intake
from tests.db.catalogues import Catalogue
from tests.scheduler.hints.finding import FindingShelf
from worker.settings import Settings


@pytest.fixture
def shelf() -> FindingShelf:
    return FindingShelf()


@pytest.fixture(autouse=True)
def bundle(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return what stands for the bundle that the settings name: that of the catalogue's model."""
    bundle = SimpleNamespace(name="net", version="1", folder=Path("net"))
    monkeypatch.setattr("scheduler.hints.intake.resolve", lambda *_: bundle)
    return bundle


@pytest.fixture
def intake(catalogue: Catalogue, app: Celery, shelf: FindingShelf) -> Intake:
    return Intake(Settings(), catalogue.sessions, app, shelf)
