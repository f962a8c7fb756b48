"""`tagger model promote`, as a person types it, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from model import bundle as library
from tests.e2e.bundle_versions import NAME, Shelf
from tests.model.versions import with_test, with_validation


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
    unpromoted, worse = shelf.bundle("z-found", range(50)), shelf.bundle("a-worse", range(40, 140))
    assert library.find(NAME, folders=[shelf.folder]) == unpromoted.folder

    refused = shelf.tagger("model", "promote", worse.id)
    shelf.tagger("model", "promote", worse.id, "--force")
    back = shelf.json("model", "rollback")

    assert refused.exit_code == 1
    assert f"worse than {unpromoted.id}" in refused.stderr
    assert back == {"model": unpromoted.id, "changed": True, "replaced": worse.id}


def test_the_first_promotion_is_free_where_that_cannot_be_compared(shelf: Shelf) -> None:
    unpromoted, new = shelf.bundle("z-found", None), shelf.bundle("a-new", range(50))

    promoted = shelf.json("model", "promote", new.id)

    assert not promoted["forced"]
    assert promoted["replaced"] == unpromoted.id
    assert f"{unpromoted.id} has kept no test outcome" in promoted["comparison"]["not_compared"]


def test_a_bundle_that_cannot_run_is_not_promoted(shelf: Shelf) -> None:
    broken = shelf.bundle("broken", range(10), temperature=9.0)

    refused = shelf.tagger("model", "promote", broken.id)

    assert refused.exit_code == 3
    assert "golden images other scores" in refused.stderr
    assert shelf.promoted() is None


def test_a_bundle_without_validation_is_not_promoted_where_the_thresholds_are_chosen_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = with_validation(library.find(NAME), shelf.folder / "made", None)
    monkeypatch.setenv("TAGGER_REVIEW_BUDGET", "0.1")

    refused = shelf.tagger("model", "promote", made.id)

    assert refused.exit_code == 3
    assert "TAGGER_REVIEW_BUDGET" in refused.stderr


def test_a_bundle_outside_the_folder_that_workers_look_in_is_warned_of(shelf: Shelf, tmp_path: Path) -> None:
    away = with_test(library.find(NAME), tmp_path / "away" / "mine", None)

    warned = shelf.tagger("model", "promote", away.folder)
    shelf.tagger("model", "promote", shelf.bundle("inside", None).id, "--force")

    assert warned.exit_code == 0
    assert f"it lies at {away.folder}" in warned.stderr
    assert "TAGGER_BUNDLES" in warned.stderr
