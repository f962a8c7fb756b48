"""Known keys cost no write, and little else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stack.processes import spawn
from tests.conftest import ROOT
from tests.db.catalogues import Catalogue
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import scan, statements, tag_all


def test_unchanged_keys_write_nothing(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefgh")
    scan(catalogue, shelf)
    run = catalogue.another_run("scan:again", state="scanning")

    with statements(catalogue) as sent:
        scan(catalogue, shelf, run=run)

    writing = {tuple(statement.split()[:2]) for statement, _ in sent if not statement.startswith(("SELECT", "BEGIN"))}
    assert writing == {("UPDATE", "run")}


def test_one_changed_key_writes_its_own_rows_only(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefgh")
    scan(catalogue, shelf)
    tag_all(catalogue)
    before = dict(catalogue.sql("SELECT key, version_token FROM source_object"))
    shelf.put("c", token="v2")

    scan(catalogue, shelf)

    after = dict(catalogue.sql("SELECT key, version_token FROM source_object"))
    assert {key for key in after if after[key] != before[key]} == {"c"}
    assert [state for state in catalogue.states().values() if state == "pending"] == ["pending"]


def test_200_000_known_keys_cost_little_cpu_and_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.scheduler.known_keys", tmp_path / "catalogue.db", "200000"]

    child = spawn(command, tmp_path / "scan.log", cwd=ROOT)

    assert child.wait(120) == 0, child.tail()
    measured = json.loads(child.tail().splitlines()[-1])
    print(measured)
    assert (measured["seen"], measured["new"], measured["changed"], measured["gone"]) == (200_000, 0, 0, 0)
    assert measured["cpu_s"] < 15, measured
    assert measured["peak_mb"] < 200, measured
