"""What `tagger run` says when no bundle was named: which one tags, and which others there are."""

from dataclasses import replace

import pytest

from cli.tagging.model_hint import lines, lines_of
from model import bundle as bundles
from model.bundle import Bundle
from worker.settings import Settings


@pytest.fixture(scope="module")
def used() -> Bundle:
    return bundles.read(bundles.find("fashion-mnist"))


def other(used: Bundle, name: str, trained_at: str = "2026-01-01", purpose: str = "all else") -> Bundle:
    return replace(used, name=name, purpose=purpose, training={"trained_at": trained_at})


@pytest.mark.parametrize("named", ["fashion-mnist", "fashion-mnist@62e0"])
def test_whoever_named_a_bundle_is_told_nothing(used: Bundle, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_option = Settings(model=named)
    monkeypatch.setenv("TAGGER_MODEL", named)
    by_setting = Settings()

    assert [*lines(by_option, used)] == [*lines(by_setting, used)] == []


def test_the_bundle_and_what_it_is_for_are_told(used: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAGGER_MODEL", raising=False)

    hint = [*lines(Settings(), used)]

    assert hint[0].startswith(f"no model is named, so {used.id} tags (")
    assert "not for photographs of a shop" in hint[0]
    assert not any(f"--model {used.name} " in line for line in hint[1:])


def test_each_other_name_is_told_once_by_its_latest_version(used: Bundle) -> None:
    others = [used, other(used, "hats", "2026-03-01", "newer"), other(used, "hats", "2026-02-01"), other(used, "bags")]

    assert [*lines_of(used, others)][1:] == [
        "or name another: --model bags (all else)",
        "or name another: --model hats (newer)",
    ]


def test_of_many_others_three_are_told_and_how_to_see_the_rest(used: Bundle) -> None:
    hint = [*lines_of(used, [other(used, name) for name in "abcde"])]

    assert len(hint) == 1 + 3 + 1
    assert hint[-1] == "and 2 more: tagger model list"
