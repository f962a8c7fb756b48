"""`tagger import-labels`: all lines or none, and every wrong line is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from db.session import Sessions, engine_of
from tests.db.catalogues import Catalogue, a_catalogue

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture
def catalogue(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Three tagged images, one of whose keys a spreadsheet would take for a formula."""
    monkeypatch.setenv("TAGGER_DATABASE_URL", engine_of(sessions).url.render_as_string(hide_password=False))
    monkeypatch.setenv("LOGNAME", "amina")
    catalogue = a_catalogue(sessions)
    catalogue.items("a.jpg", "b.jpg", "=c.jpg")
    catalogue.record(catalogue.claim(3))
    return catalogue


def run(text: str | bytes, *options: str) -> Result:
    Path("labels.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return CliRunner().invoke(app, ["import-labels", "labels.csv", *options])


def tags(catalogue: Catalogue) -> dict[str, tuple[Any, ...]]:
    rows = catalogue.sql(
        "SELECT key, category, source, (SELECT count(*) FROM tag_event WHERE object_id = source_object.id)"
        " FROM source_object JOIN image_tag ON object_id = id"
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def test_labels_become_human_tags_in_the_name_of_who_decided(catalogue: Catalogue) -> None:
    done = run("\ufeffKey;Category\na.jpg; t shirt TOP \n'=c.jpg;Bag\n;\n", "--by", "wanjiru")

    assert done.exit_code == 0, done.output
    assert "2 tags changed, 0 of them given by people before; 0 stand already." in done.stdout
    assert tags(catalogue)["a.jpg"] == ("T-shirt/top", "human", 2)
    assert tags(catalogue)["=c.jpg"] == ("Bag", "human", 2)
    assert tags(catalogue)["b.jpg"][1:] == ("model", 1)
    history = catalogue.sql("SELECT actor, why FROM tag_event WHERE actor LIKE 'person:%'")
    assert {tuple(row) for row in history} == {("person:wanjiru", "imported from labels.csv")}


def test_a_second_import_changes_nothing_and_another_decision_is_counted(catalogue: Catalogue) -> None:
    run("key,category\na.jpg,Bag\nb.jpg,Coat\n")

    assert (
        "0 tags changed, 0 of them given by people before; 2 stand already."
        in run("category,key\nBag,a.jpg\ncoat,b.jpg\n").stdout
    )
    assert json.loads(run("key,category\na.jpg,Coat\n", "--json").stdout) == {
        "changed": 1,
        "replaced": 1,
        "unchanged": 0,
        "dry_run": False,
        "errors": [],
    }
    assert tags(catalogue)["a.jpg"] == ("Coat", "human", 3)


def test_one_wrong_line_and_nothing_is_changed_and_all_wrong_ones_are_named(catalogue: Catalogue) -> None:
    before = tags(catalogue)

    done = run("key,category\na.jpg,Bag\nz.jpg,Bag\nb.jpg,Spaceship\na.jpg,Coat\nb.jpg,\n")

    assert done.exit_code == 1
    assert [line.removeprefix("tagger: ") for line in done.stderr.splitlines()[:4]] == [
        "line 3: there is no image 'z.jpg'",
        "line 4: there is no category 'Spaceship'",
        "line 5: 'a.jpg' is 'Bag' in line 2",
        "line 6: it lacks a category",
    ]
    assert "nothing was imported, as 4 lines are wrong" in done.stderr
    assert tags(catalogue) == before


def test_a_dry_run_changes_nothing_and_a_new_category_has_to_be_meant(catalogue: Catalogue) -> None:
    before = tags(catalogue)

    assert "1 tags would change" in run("key,category\na.jpg,Bag\n", "--dry-run").stdout
    assert tags(catalogue) == before
    assert run("key,category\na.jpg,Kitenge\n").exit_code == 1
    assert run("key,category\na.jpg,Kitenge\n", "--new-categories").exit_code == 0
    assert tags(catalogue)["a.jpg"] == ("Kitenge", "human", 2)
    assert run("key,category\nb.jpg,kitenge\n").exit_code == 0  # the catalogue knows it now


def test_a_key_of_two_buckets_needs_the_bucket(catalogue: Catalogue) -> None:
    catalogue.sql(
        "INSERT INTO source_object (id, bucket, key, version_token, size, last_modified, first_seen, changed_at)"
        " SELECT 99, 'another', key, version_token, size, last_modified, first_seen, changed_at"
        " FROM source_object WHERE id = 1"
    )
    (bucket,) = {row[0] for row in catalogue.sql("SELECT bucket FROM source_object WHERE id = 1")}

    assert f"'a.jpg' is in another, {bucket}: name one in a column bucket" in run("key,category\na.jpg,Bag\n").stderr
    assert run(f"key,category,bucket\na.jpg,Bag,{bucket}\n").exit_code == 0
    assert tags(catalogue)["a.jpg"][1] == "human"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"key,label\na.jpg,Bag\n", "needs a first line with the columns key,category"),
        (b"", "needs a first line"),
        (b"key,category\n\xff\xfe.jpg,Bag\n", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_table_of_labels_is_told_in_one_line(
    catalogue: Catalogue, content: bytes, message: str
) -> None:
    done = run(content)

    assert done.exit_code == 3
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_import_is_in_the_log_once_and_a_dry_run_is_not(catalogue: Catalogue) -> None:
    run("key,category\na.jpg,Bag\nb.jpg,Bag\n", "--dry-run")
    run("key,category\na.jpg,Bag\nb.jpg,Bag\n", "--by", "wanjiru")

    rows = [tuple(row) for row in catalogue.sql("SELECT actor, act, about FROM act")]
    assert rows == [("person:wanjiru", "labels_imported", "labels.csv: 2")]
