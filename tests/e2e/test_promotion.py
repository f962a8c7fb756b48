"""`tagger model promote` and `rollback`, as a person types them, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.app import app
from db import promotions
from db.promotions import Standing
from db.session import Sessions, connect, reading
from model import bundle as library
from model.bundle import Bundle, BundleError, BundleNotFound
from tests.conftest import ROOT
from tests.model.versions import outcome, with_test, with_validation
from worker import process

NAME = "fashion-mnist"
SAMPLES = ROOT / "samples" / "images"


@dataclass(frozen=True)
class Shelf:
    """A folder of bundles under one name, and the commands on them."""

    folder: Path
    sessions: Sessions

    def bundle(self, name: str, wrong: range | None, **changes: Any) -> Bundle:
        """A version that got these of 1,000 test images wrong; None: it has kept no test."""
        tested = None if wrong is None else outcome(1000, wrong)
        return with_test(library.find(NAME), self.folder / name, tested, **changes)

    def tagger(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments])

    def json(self, *arguments: str | Path) -> Any:
        done = self.tagger(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def stands(self) -> Standing:
        with reading(self.sessions) as session:
            return promotions.standing(session, NAME)

    def promoted(self) -> str | None:
        model = self.stands().model
        return f"{model.name}@{model.version}" if model else None


@pytest.fixture
def shelf(sessions: Sessions, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """The commands run in this process, so their connections are closed here, which else the process's end does."""
    opened: list[Engine] = []

    def open_engine(url: str, **options: Any) -> Engine:
        opened.append(connect(url, **options))
        return opened[-1]

    monkeypatch.setattr(process, "connect", open_engine)
    monkeypatch.setenv("TAGGER_DATABASE_URL", database_url)
    monkeypatch.setenv("TAGGER_BUNDLES", str(tmp_path / "bundles"))
    monkeypatch.setenv("LOGNAME", "amina")
    yield Shelf(tmp_path / "bundles", sessions)
    for engine in opened:
        engine.dispose()


def test_promoting_records_who_when_and_what_was_replaced(shelf: Shelf) -> None:
    old, new = shelf.bundle("old", range(60)), shelf.bundle("new", range(50))

    first = shelf.json("model", "promote", old.id)
    second = shelf.json("model", "promote", new.folder)

    assert (first["model"], second["model"], second["replaced"]) == (old.id, new.id, old.id)
    assert second["changed"]
    assert not second["forced"]
    assert second["comparison"]["only_candidate_right"] == 10
    last = shelf.stands().last
    assert last is not None
    assert (last.actor, last.action, last.detail) == ("person:amina", "promote", second["comparison"])
    assert shelf.promoted() == new.id


def test_a_candidate_that_did_worse_is_refused_with_the_figures_unless_forced(shelf: Shelf) -> None:
    old, worse = shelf.bundle("old", range(50)), shelf.bundle("worse", range(40, 110))
    shelf.tagger("model", "promote", old.id)

    refused = shelf.tagger("model", "promote", worse.id)
    after = shelf.promoted()
    forced = shelf.json("model", "promote", worse.id, "--force")

    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    for figure in (worse.id, old.id, "93.00% of 1,000", "95.00%", "40 only", "60 only", "p = 0.028", "--force"):
        assert figure in refused.stderr
    assert after == old.id
    assert forced["forced"]
    assert forced["comparison"]["p_worse"] == pytest.approx(0.0284)
    assert shelf.promoted() == worse.id


def test_a_candidate_that_is_worse_by_chance_is_promoted(shelf: Shelf) -> None:
    old, new = shelf.bundle("old", range(50)), shelf.bundle("new", range(45, 97))
    shelf.tagger("model", "promote", old.id)

    assert shelf.json("model", "promote", new.id)["comparison"]["p_worse"] > 0.4
    assert shelf.promoted() == new.id


@pytest.mark.parametrize("lacking", ["candidate", "promoted", "other images"])
def test_what_cannot_be_compared_is_refused_and_says_what_to_do(shelf: Shelf, lacking: str) -> None:
    old = shelf.bundle("old", None if lacking == "promoted" else range(50))
    new = shelf.bundle("new", None if lacking == "candidate" else range(9), test_data=f"{lacking == 'other images'}")
    shelf.tagger("model", "promote", old.id, "--force")

    refused = shelf.tagger("model", "promote", new.id)
    forced = shelf.json("model", "promote", new.id, "--force")

    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1
    assert {"candidate": new.id, "promoted": old.id, "other images": "different images"}[lacking] in refused.stderr
    for remedy in ("tagger model evaluate", "train again", "--force"):
        assert remedy in refused.stderr
    assert forced["forced"]
    assert "not_compared" in forced["comparison"]


def test_the_first_promotion_of_what_the_name_stands_for_anyway_is_free(shelf: Shelf) -> None:
    only = shelf.bundle("only", None)

    first = shelf.json("model", "promote", NAME)
    again = shelf.json("model", "promote", NAME)

    assert (first["model"], first["replaced"], first["forced"], first["comparison"]) == (only.id, None, False, {})
    assert again == {"model": only.id, "changed": False}
    assert shelf.stands().seq == 1


def test_the_first_promotion_is_compared_with_what_the_name_stands_for_as_long_as_nothing_is_promoted(
    shelf: Shelf,
) -> None:
    found, worse = shelf.bundle("z-found", range(50)), shelf.bundle("a-worse", range(40, 140))
    assert library.find(NAME, folders=[shelf.folder]) == found.folder

    refused = shelf.tagger("model", "promote", worse.id)
    shelf.tagger("model", "promote", worse.id, "--force")
    back = shelf.json("model", "rollback")

    assert refused.exit_code == 1
    assert f"worse than {found.id}" in refused.stderr
    assert back == {"model": found.id, "changed": True, "replaced": worse.id}


def test_the_first_promotion_is_free_where_that_cannot_be_compared(shelf: Shelf) -> None:
    found, new = shelf.bundle("z-found", None), shelf.bundle("a-new", range(50))

    promoted = shelf.json("model", "promote", new.id)

    assert not promoted["forced"]
    assert promoted["replaced"] == found.id
    assert f"{found.id} has kept no test outcome" in promoted["comparison"]["not_compared"]


def test_rollback_goes_back_and_says_when_there_is_nothing_left(shelf: Shelf) -> None:
    versions = [shelf.bundle(f"{number}", range(number)) for number in (30, 20, 10)]
    for each in versions:
        shelf.tagger("model", "promote", each.id)

    back = [shelf.json("model", "rollback", NAME)["model"], shelf.json("model", "rollback", NAME)["model"]]
    further = shelf.tagger("model", "rollback", NAME)
    unknown = shelf.tagger("model", "rollback", "hats")

    assert back == [versions[1].id, versions[0].id]
    assert (further.exit_code, unknown.exit_code) == (1, 1)
    assert "nothing was promoted before" in further.stderr
    assert "hats: nothing is promoted; name a version with `tagger model promote`" in unknown.stderr


def test_a_rollback_to_a_bundle_that_is_gone_is_refused(shelf: Shelf) -> None:
    old, new = shelf.bundle("old", range(50)), shelf.bundle("new", range(40))
    for each in (old, new):
        shelf.tagger("model", "promote", each.id)
    old.folder.rename(shelf.folder.parent / "elsewhere")

    refused = shelf.tagger("model", "rollback")

    assert isinstance(refused.exception, BundleNotFound)
    assert f"{old.id}, which was promoted before, is not to be found" in str(refused.exception)
    assert shelf.promoted() == new.id


def test_a_promoted_bundle_that_is_gone_can_be_rolled_back_from(shelf: Shelf) -> None:
    old, new = shelf.bundle("old", range(50)), shelf.bundle("new", range(40))
    for each in (old, new):
        shelf.tagger("model", "promote", each.id)
    new.folder.rename(shelf.folder.parent / "elsewhere")

    candidate = shelf.tagger("model", "promote", old.id)
    back = shelf.json("model", "rollback")

    assert candidate.exit_code == 1
    assert "cannot be compared with what is promoted" in candidate.stderr
    assert back["model"] == old.id


def test_a_bundle_that_cannot_run_is_not_promoted(shelf: Shelf) -> None:
    broken = shelf.bundle("broken", range(10), temperature=9.0)

    refused = shelf.tagger("model", "promote", broken.id)

    assert isinstance(refused.exception, BundleError)
    assert "golden images other scores" in str(refused.exception)
    assert shelf.promoted() is None


def test_a_bundle_without_validation_is_not_promoted_where_the_thresholds_are_chosen_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = with_validation(library.find(NAME), shelf.folder / "made", None)
    monkeypatch.setenv("TAGGER_REVIEW_BUDGET", "0.1")

    refused = shelf.tagger("model", "promote", made.id)

    assert isinstance(refused.exception, BundleError)
    assert "TAGGER_REVIEW_BUDGET" in str(refused.exception)


def test_a_bundle_outside_the_folder_that_workers_look_in_is_warned_of(shelf: Shelf, tmp_path: Path) -> None:
    away = with_test(library.find(NAME), tmp_path / "away" / "mine", None)

    warned = shelf.tagger("model", "promote", away.folder)
    shelf.tagger("model", "promote", shelf.bundle("inside", None).id, "--force")

    assert warned.exit_code == 0
    assert f"it lies at {away.folder}" in warned.stderr
    assert "TAGGER_BUNDLES" in warned.stderr


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
    for each in (old, new):
        shelf.tagger("model", "promote", each.id)
    shelf.tagger("model", "rollback")

    shown = shelf.tagger("model", "show", NAME).stdout
    about = shelf.json("model", "show", NAME)

    assert about["model"] == old.id
    assert [(each["action"], each["model"], each["by"]) for each in about["promotions"]] == [
        ("promote", old.id, "person:amina"),
        ("promote", new.id, "person:amina"),
        ("rollback", old.id, "person:amina"),
    ]
    told = [line for line in shown.splitlines() if "UTC" in line]
    assert "amina went back to" in told[0]
    assert f"amina promoted {new.id} in place of {old.id}" in told[1]
    assert f"amina promoted {old.id}" in told[2]


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
