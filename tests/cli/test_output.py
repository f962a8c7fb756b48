"""Names of files steer no terminal and no program that reads what commands print."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from cli import exporting
from cli.export_table import Table
from cli.output import visible
from db.catalogue import EXPORT_COLUMNS
from db.session import connect, sessions_of
from tests.commands.forked import TAGGER, Forked, ended
from tests.db import templates
from tests.db.catalogues import a_catalogue, an_image_tagged
from worker import telemetry

HOSTILE = "a\x1b]0;owned\x07\x1b[31m\u202egpj.\x9b2J\n\tb\x7f.jpg"
SPELT = r"a\u001b]0;owned\u0007\u001b[31m\u202egpj.\u009b2J\n\tb\u007f.jpg"
ROW: dict[str, Any] = dict.fromkeys(EXPORT_COLUMNS, "x") | {
    "confidence": 0.5,
    "needs_review": True,
    "tagged_at": datetime(2026, 11, 26, tzinfo=UTC),
}


def test_every_control_character_is_spelt_out_and_json_stays_json() -> None:
    assert visible(HOSTILE) == SPELT
    assert visible("Ärmel 👕 \u200d.jpg") == "Ärmel 👕 \u200d.jpg"
    assert json.loads(visible(json.dumps([HOSTILE], ensure_ascii=False))) == [HOSTILE]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Make a catalogue with two images of hostile names, one of them tagged, the other failed."""
    engine = connect(templates.make_file(tmp_path / "catalogue.db"))
    catalogue = a_catalogue(sessions_of(engine))
    an_image_tagged(catalogue, HOSTILE)
    catalogue.items("b" + HOSTILE)
    catalogue.sql("UPDATE work_item SET state = 'skipped', reason = 'corrupt', detail = :why WHERE id = 2", why=HOSTILE)
    engine.dispose()
    return {**os.environ, "TAGGER_DATABASE_URL": f"sqlite:///{tmp_path / 'catalogue.db'}", "COLUMNS": "400"}


def in_terminal(command: list[str], environment: dict[str, str]) -> bytes:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with Forked([TAGGER, *command], stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:  # what Linux says at the end
            pass
    os.close(ours)
    return written


@pytest.mark.parametrize(
    "command", [["failures"], ["export"], ["run", f"missing-{HOSTILE}"]], ids=lambda words: words[0]
)
def test_no_command_writes_what_a_name_holds(command: list[str], environment: dict[str, str]) -> None:
    piped = ended(Forked([TAGGER, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment))
    shown = in_terminal(command, environment)

    for written in (piped.stdout, shown):
        assert b"owned" in written
        assert not any(code.encode() in written for code in ("\x1b]0;", "\x07", "\x1b[31m", "\u202e", "\x9b", "\x7f"))


def exported(tmp_path: Path, key: str, format: str = "csv", **options: bool) -> str:
    exporting.write(Table([ROW | {"key": key}], format, **options), tmp_path / "tags")
    return (tmp_path / "tags").read_bytes().decode()


def test_a_file_holds_names_as_they_are(tmp_path: Path) -> None:
    assert next(csv.DictReader(StringIO(exported(tmp_path, HOSTILE), newline="")))["key"] == HOSTILE
    assert json.loads(exported(tmp_path, HOSTILE, "jsonl"))["key"] == HOSTILE


@pytest.mark.parametrize("key", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula_for_a_spreadsheet(tmp_path: Path, key: str) -> None:
    text = exported(tmp_path, key, spreadsheet=True)

    assert text.startswith("\ufeffbucket,")
    assert next(csv.DictReader(StringIO(text, newline="")))["key"] == f"'{key}"
    assert next(csv.DictReader(StringIO(exported(tmp_path, key), newline="")))["key"] == key


def test_a_log_for_people_holds_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("text")

    structlog.get_logger().warning("image_skipped", key=HOSTILE)

    written = capsys.readouterr().err
    assert "owned" in written
    assert all(character.isprintable() or character == "\n" for character in written)
