"""`tagger failures`: a cause a line with its remedy, the images on request, and what other programs read."""

from __future__ import annotations

import json

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from db.schema.vocabulary import REASONS
from tests.db.catalogues import Catalogue
from worker.watching.remedies import REMEDIES

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture(autouse=True)
def failed(small_catalogue: Catalogue) -> None:
    """Three failed images, for two reasons."""
    for number, (key, reason) in enumerate((("d", "corrupt"), ("e", "empty")), 4):
        small_catalogue.items(key)
        small_catalogue.sql(
            "UPDATE work_item SET state = 'skipped', reason = :reason WHERE id = :id", reason=reason, id=number
        )


def failures(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["failures", *arguments])
    assert done.exit_code == 0, done.output
    return done


def test_failures_are_a_line_a_reason_with_number_example_and_remedy() -> None:
    lines = failures().stdout.splitlines()

    assert lines == [
        "reason\timages\texample\twhat to do",
        "corrupt\t2\tc\tupload it again",
        "empty\t1\te\tupload it again",
    ]
    assert failures("--reason", "empty").stdout.splitlines()[1:] == lines[2:]


def test_the_images_are_listed_on_request() -> None:
    lines = failures("--keys", "--reason", "corrupt").stdout.splitlines()

    assert [line.split("\t")[1] for line in lines] == ["key", "c", "d"]


def test_other_programs_read_every_image() -> None:
    rows = json.loads(failures("--json").stdout)

    assert [(row["key"], row["reason"], row["failed_under"]) for row in rows] == [
        ("c", "corrupt", "0.1"),
        ("d", "corrupt", None),
        ("e", "empty", None),
    ]
    assert {*rows[0]} >= {"bucket", "key", "state", "reason", "detail", "failures", "crashes"}


def test_every_reason_has_a_remedy() -> None:
    assert {*REMEDIES} == {*REASONS}
