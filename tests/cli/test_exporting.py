"""Where an export goes, and that it holds up nobody on its way."""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import exporting
from cli.app import app
from cli.export_table import Table
from db.catalogue import EXPORT_COLUMNS, export_page
from db.session import Sessions, engine_of
from tests.db import templates
from tests.db.catalogues import a_catalogue, an_image_tagged

ROW: dict[str, Any] = dict.fromkeys(EXPORT_COLUMNS, "x") | {
    "confidence": 0.5,
    "needs_review": True,
    "tagged_at": datetime(2026, 11, 26, tzinfo=UTC),
}


@pytest.fixture
def tagged(sessions: Sessions) -> Sessions:
    """Tag five images in two buckets."""
    catalogue = a_catalogue(sessions)
    for key in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"):
        an_image_tagged(catalogue, key)
    catalogue.sql("UPDATE source_object SET bucket = 'older' WHERE key IN ('c.jpg', 'e.jpg')")
    return sessions


def test_pages_follow_each_other_without_a_gap(tagged: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    with tagged() as session:
        at_once = export_page(session)
    monkeypatch.setattr(exporting, "export_page", lambda session, **where: export_page(session, rows=2, **where))

    assert list(exporting.read(tagged)) == at_once
    assert [row["key"] for row in at_once] == ["c.jpg", "e.jpg", "a.jpg", "b.jpg", "d.jpg"]


def test_no_transaction_is_open_while_a_reader_is_slow(tagged: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "export_page", lambda session, **where: export_page(session, rows=2, **where))

    for _ in exporting.read(tagged):
        assert engine_of(tagged).pool.checkedout() == 0  # type: ignore[attr-defined]


def written(output: Path, rows: int = 3, format: str = "csv") -> int:
    return exporting.write(Table([ROW] * rows, format), output)


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()

    written(pipe)

    reader.join()
    assert pipe.is_fifo()
    assert got[0].count(b"\n") == 4


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_device_is_written_through(format: str) -> None:
    before = Path("/dev/null").stat()

    assert written(Path("/dev/null"), format=format) == 3

    assert Path("/dev/null").stat().st_rdev == before.st_rdev
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "file.csv")
    (tmp_path / "file.csv").write_text("older and longer than what is written\n" * 100)

    written(tmp_path / "link.csv")

    assert (tmp_path / "link.csv").is_symlink()
    assert len(list(csv.DictReader((tmp_path / "file.csv").read_text().splitlines()))) == 3


def test_a_file_keeps_its_mode_and_stays_as_it_was_if_the_export_fails(tmp_path: Path) -> None:
    output = tmp_path / "tags.csv"
    output.write_text("before")
    output.chmod(0o640)

    def failing() -> Iterator[dict[str, Any]]:
        yield ROW
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exporting.write(Table(failing(), "csv"), output)
    unfinished = output.read_text(), sorted(tmp_path.iterdir())
    written(output)

    assert unfinished == ("before", [output])
    assert output.stat().st_mode & 0o777 == 0o640
    assert output.read_text() != "before"


@pytest.mark.usefixtures("connections_closed")
@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("", "is a folder: name a file in it"),
        (".", "is a folder: name a file in it"),
        ("missing/tags.csv", "missing, where tags.csv was to be written, is no folder: make it"),
        ("catalogue.db/tags.csv", "is no folder"),
    ],
)
def test_an_impossible_file_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, why: str
) -> None:
    monkeypatch.setenv("TAGGER_DATABASE_URL", templates.make_file(tmp_path / "catalogue.db"))

    done = CliRunner().invoke(app, ["export", "-o", output])

    assert done.exit_code == 3
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
