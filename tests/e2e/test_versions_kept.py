"""`tagger model rollback`, `list` and `show`: what was promoted, and the way back, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from model import bundle as library
from tests.conftest import SAMPLES
from tests.e2e.bundle_versions import NAME, Shelf
from tests.model.versions import outcome, with_test, with_validation


def test_rollback_goes_back_and_says_when_there_is_nothing_left(shelf: Shelf) -> None:
    versions = [shelf.bundle(f"{number}", range(number)) for number in (30, 20, 10)]
    for version in versions:
        shelf.tagger("model", "promote", version.id)

    back = [shelf.json("model", "rollback", NAME)["model"], shelf.json("model", "rollback", NAME)["model"]]
    further = shelf.tagger("model", "rollback", NAME)
    unknown = shelf.tagger("model", "rollback", "hats")

    assert back == [versions[1].id, versions[0].id]
    assert (further.exit_code, unknown.exit_code) == (1, 1)
    assert "nothing was promoted before" in further.stderr
    assert "hats: nothing is promoted; name a version with `tagger model promote`" in unknown.stderr


def test_a_rollback_to_a_bundle_that_is_gone_is_refused(shelf: Shelf) -> None:
    old, new = shelf.bundle("old", range(50)), shelf.bundle("new", range(40))
    for version in (old, new):
        shelf.tagger("model", "promote", version.id)
    old.folder.rename(shelf.folder.parent / "elsewhere")

    refused = shelf.tagger("model", "rollback")

    assert refused.exit_code == 3
    assert f"{old.id}, which was promoted before, is not to be found" in refused.stderr
    assert shelf.promoted() == new.id


def test_a_promoted_bundle_that_is_gone_can_be_rolled_back_from(shelf: Shelf) -> None:
    old, new = shelf.bundle("old", range(50)), shelf.bundle("new", range(40))
    for version in (old, new):
        shelf.tagger("model", "promote", version.id)
    new.folder.rename(shelf.folder.parent / "elsewhere")

    candidate = shelf.tagger("model", "promote", old.id)
    back = shelf.json("model", "rollback")

    assert candidate.exit_code == 1
    assert "cannot be compared with what is promoted" in candidate.stderr
    assert back["model"] == old.id


def test_list_marks_what_is_promoted_also_where_it_lies_elsewhere_or_nowhere(shelf: Shelf, tmp_path: Path) -> None:
    old, new = shelf.bundle("old", None), shelf.bundle("new", None)
    away = with_test(library.find(NAME), tmp_path / "away" / "shoes", None, name="shoes")
    shelf.tagger("model", "promote", old.id)
    shelf.tagger("model", "promote", away.folder)

    rows = {row["model"]: row for row in shelf.json("model", "list")}
    lines = shelf.tagger("model", "list").stdout.splitlines()
    away.folder.rename(tmp_path / "gone")
    gone = next(row for row in shelf.json("model", "list") if row["model"] == away.id)

    assert {model for model, row in rows.items() if row["promoted"]} == {old.id, away.id}
    assert rows[new.id]["promoted"] is False
    assert [line.split()[0] for line in lines if " promoted: " in line] == [old.id, away.id]
    assert gone["promoted"]
    assert "no model bundle" in gone["error"]


def test_show_tells_who_promoted_what_the_newest_first(shelf: Shelf) -> None:
    old, new = shelf.bundle("old", range(50)), shelf.bundle("new", range(45, 96))
    for version in (old, new):
        shelf.tagger("model", "promote", version.id)
    shelf.tagger("model", "rollback")

    shown = shelf.tagger("model", "show", NAME).stdout
    about = shelf.json("model", "show", NAME)

    assert about["model"] == old.id
    assert [(change["action"], change["model"], change["by"]) for change in about["promotions"]] == [
        ("promote", old.id, "person:amina"),
        ("promote", new.id, "person:amina"),
        ("rollback", old.id, "person:amina"),
    ]
    history = [line for line in shown.splitlines() if "UTC" in line]
    assert "amina went back to" in history[0]
    assert f"amina promoted {new.id} in place of {old.id}" in history[1]
    assert f"amina promoted {old.id}" in history[2]


def test_show_says_what_validation_promises_under_the_policy_that_is_set(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = with_validation(library.find(NAME), shelf.folder / "made", outcome(1000, range(980, 1000)))

    as_made = shelf.json("model", "show", made.id)["promise"]
    monkeypatch.setenv("TAGGER_TARGET_PRECISION", "0.95")
    wished = shelf.json("model", "show", made.id)["promise"]
    line = shelf.tagger("model", "show", made.id).stdout
    monkeypatch.setenv("TAGGER_REVIEW_BUDGET", "0")
    budget = shelf.json("model", "show", made.id)["promise"]

    assert as_made["target_precision"] == made.target_precision
    assert as_made["thresholds"].keys() == set(made.categories)
    assert (wished["validation_coverage"], wished["validation_precision"]) == (1, 0.98)
    assert 0.95 < wished["precision_lower_bound"] < 0.98
    assert "for precision 0.95: 100.0% of validation pass without review, 98.00% of these are right" in line
    assert (budget["target_precision"], budget["review_budget"], budget["validation_coverage"]) == (None, 0, 1)


def test_neither_list_nor_show_nor_classify_needs_a_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, warned in (("sqlite:///none.db", False), ("postgresql+psycopg://me@127.0.0.1:9/tags", True)):
        monkeypatch.setenv("TAGGER_DATABASE_URL", url)
        for verb in (["list"], ["show"], ["classify", str(SAMPLES / "0001.png")]):
            done = CliRunner().invoke(app, ["model", *verb])

            assert done.exit_code == 0, done.stderr
            assert ("what is promoted is not known" in done.stderr) is warned
    assert not (tmp_path / "none.db").exists()
