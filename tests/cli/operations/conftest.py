"""A catalogue for commands that run in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.session import connect, sessions_of
from tests.db import templates
from tests.db.catalogues import Catalogue, a_catalogue


@pytest.fixture
def small_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    """Three images of one run, the first of them tagged, the last one damaged."""
    url = templates.make_file(tmp_path / "catalogue.db")
    monkeypatch.setenv("TAGGER_DATABASE_URL", url)
    monkeypatch.setenv("LOGNAME", "amina")
    engine = connect(url)
    catalogue = a_catalogue(sessions_of(engine))
    catalogue.items("a", "b", "c")
    catalogue.record(catalogue.claim(1))
    catalogue.sql("UPDATE work_item SET state = 'skipped', reason = 'corrupt', failed_under = '0.1' WHERE id = 3")
    yield catalogue
    engine.dispose()
