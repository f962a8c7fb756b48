"""`tagger model taxonomy`, `classify --taxonomy` and `--coarse`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.model.taxonomies import CLOTHES, SAMPLE, written

RUN = CliRunner()
IMAGES = SAMPLE.parent / "images"
WAVERING = IMAGES / "0018.png"  # between shirt and t-shirt, so which of them a bundle says first is its own affair
SHOPS_OWN = {"Shirt": "shirt", "T-shirt/top": "t-shirt"}


def classified(*options: str | Path) -> dict[str, Any]:
    done = RUN.invoke(app, ["model", "classify", str(WAVERING), *map(str, options), "--json"])
    assert done.exit_code == 0, done.stderr
    row: dict[str, Any] = json.loads(done.stdout)[0]
    return row


def test_a_sound_file_is_shown_as_a_tree_with_titles_and_where_the_bundles_categories_go() -> None:
    done = RUN.invoke(app, ["model", "taxonomy", str(SAMPLE)])

    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("tops ")
    [shoes] = [line for line in lines if line.startswith("  shoes ")]
    assert shoes.endswith(
        "en Shoes · sw Viatu · de Schuhe                                     <- Sandal, Sneaker, Ankle boot"
    )
    assert "10 of the 10 of fashion-mnist@" in lines[-1]


def test_as_json_every_category_has_its_level_and_what_of_the_bundle_goes_there() -> None:
    result = json.loads(RUN.invoke(app, ["model", "taxonomy", str(SAMPLE), "fashion-mnist", "--json"]).stdout)

    rows = {row["category"]: row for row in result["categories"]}
    assert set(result) == {"file", "model", "error", "categories"}
    assert result["error"] is None
    assert rows["t-shirt"] == {
        "category": "t-shirt",
        "parent": "tops",
        "level": 1,
        "synonyms": ["T-shirt/top", "tee"],
        "titles": {"en": "T-shirt", "sw": "Fulana", "de": "T-Shirt"},
        "from_bundle": ["T-shirt/top"],
    }
    assert sum(len(row["from_bundle"]) for row in rows.values()) == 10


def test_those_below_a_category_follow_it_wherever_they_are_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "category,parent,synonyms\nshoes,worn,\nhat,,\nworn,,\nboots,shoes,\n")

    result = json.loads(RUN.invoke(app, ["model", "taxonomy", str(path), "--json"]).stdout)

    assert [(row["category"], row["level"]) for row in result["categories"]] == [
        ("hat", 0),
        ("worn", 0),
        ("shoes", 1),
        ("boots", 2),
    ]


def test_a_file_that_lacks_the_bundles_categories_is_shown_and_told_with_exit_code_1(tmp_path: Path) -> None:
    path = written(tmp_path, CLOTHES)

    done = RUN.invoke(app, ["model", "taxonomy", str(path)])
    result = RUN.invoke(app, ["model", "taxonomy", str(path), "--json"])

    assert (done.exit_code, result.exit_code) == (1, 1)
    assert "4 of the 10 of fashion-mnist@" in done.stdout
    assert "nothing stands for 'Trouser', 'Pullover'" in done.stderr
    assert json.loads(result.stdout)["error"] in done.stderr


def test_a_file_that_is_no_taxonomy_is_told_with_its_line_and_exit_code_1() -> None:
    done = RUN.invoke(app, ["model", "taxonomy", str(SAMPLE.parent / "labels.csv")])

    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "labels.csv, line 1: no column parent, synonyms" in done.stderr


def test_an_unknown_bundle_is_exit_code_3() -> None:
    assert RUN.invoke(app, ["model", "taxonomy", str(SAMPLE), "hats"]).exit_code == 3


def test_classify_says_the_shops_category_and_what_is_above_it() -> None:
    plain, own = classified(), classified("--taxonomy", SAMPLE)

    expected = SHOPS_OWN[plain["category"]]
    assert own["category"] == own["leaf"] == expected
    assert own["confidence"] == plain["confidence"]
    assert own["review_reason"] == plain["review_reason"] == "low_confidence"
    assert list(own["above"]) == ["tops"]
    assert own["above"]["tops"] > 0.95


def test_classify_falls_back_to_what_is_sure_if_asked_by_option_or_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = classified("--taxonomy", SAMPLE, "--coarse")
    monkeypatch.setenv("TAGGER_TAXONOMY", str(SAMPLE))
    monkeypatch.setenv("TAGGER_COARSE", "true")
    by_setting, against = classified(), classified("--no-coarse")
    text = RUN.invoke(app, ["model", "classify", str(WAVERING)]).stdout
    leaf = against["leaf"]

    assert asked == by_setting
    assert leaf in SHOPS_OWN.values()
    assert (asked["category"], asked["leaf"], asked["review_reason"]) == ("tops", leaf, "coarse")
    assert asked["confidence"] == asked["above"]["tops"] > asked["threshold"] > asked["best"][leaf]
    assert against["review_reason"] == "low_confidence"
    assert f"would be reviewed (coarse: {leaf} only" in text


def test_classify_with_a_file_that_does_not_fit_is_exit_code_3_and_one_line(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["model", "classify", str(WAVERING), "--taxonomy", str(written(tmp_path))])

    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1
    assert "nothing stands for 'Trouser'" in done.stderr
