"""`tagger model classify`, `list` and `show`, as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.models import app
from tests.conftest import SAMPLES
from tests.model.pictures import encode, photograph

RUN = CliRunner()
SAMPLE = SAMPLES / "0001.png"


@pytest.mark.parametrize("verb", ["train", "classify", "list", "show", "promote", "rollback"])
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    help_text = RUN.invoke(app, [verb, "--help"]).output

    assert f"Example: tagger model {verb}" in help_text


def test_classify_prints_category_confidence_the_three_best_and_the_review() -> None:
    done = RUN.invoke(app, ["classify", str(SAMPLE)])

    assert done.exit_code == 0
    assert done.stdout.count("%") == 4
    assert "review" in done.stdout


def test_classify_as_json_keeps_numbers() -> None:
    row = json.loads(RUN.invoke(app, ["classify", str(SAMPLE), "--json"]).stdout)[0]

    limits = {"threshold", "ood_score", "ood_threshold"}
    assert set(row) == {"file", "category", "confidence", "best", "needs_review", "review_reason", "model"} | limits
    assert row["best"][row["category"]] == row["confidence"] == max(row["best"].values())
    assert len(row["best"]) == 3


def test_bad_files_get_their_reason_and_the_good_ones_are_still_classified(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "good one.jpg").write_bytes(encode(photograph(), "JPEG"))

    files = [str(tmp_path / name) for name in ("text.jpg", "missing.png", "good one.jpg")]
    done = RUN.invoke(app, ["classify", *files])

    assert done.exit_code == 1
    assert "text.jpg: unsupported_format" in done.stderr
    assert "missing.png: unreadable" in done.stderr
    assert "good one.jpg" in done.stdout


def test_list_names_the_shipped_bundles_and_what_is_wrong_with_a_broken_one(bundle_copy: Path) -> None:
    (bundle_copy / "golden.npz").unlink()

    lines = RUN.invoke(app, ["list", "--bundles", str(bundle_copy.parent)]).stdout.splitlines()
    rows = json.loads(RUN.invoke(app, ["list", "--bundles", str(bundle_copy.parent), "--json"]).stdout)

    assert "golden.npz missing or altered" in lines[0]
    assert [line.split("@")[0] for line in lines[1::2]] == ["clothing", "fashion-mnist"]
    assert lines[2::2] == [f"  {row['purpose']}" for row in rows[1:]]
    assert ["error" in row for row in rows] == [True, False, False]
    assert ["purpose" in row for row in rows] == [False, True, True]


def test_show_tells_the_figures_and_the_training() -> None:
    shown = RUN.invoke(app, ["show"])
    text = shown.stdout
    about = json.loads(RUN.invoke(app, ["show", "fashion-mnist", "--json"]).stdout)

    assert shown.exit_code == 0
    assert about["model"] in text
    assert f"for          {about['purpose']}" in text
    assert f"{about['metrics']['test']['accuracy']:.2%}" in text
    assert set(about["thresholds"]) == set(about["categories"])


@pytest.mark.parametrize("arguments", [["show", "hats"], ["classify", str(SAMPLE), "--model", "hats"]])
def test_an_unknown_bundle_is_exit_code_3_and_one_line(arguments: list[str]) -> None:
    done = RUN.invoke(app, arguments)

    assert done.exit_code == 3
    assert done.stderr.startswith("tagger: no model bundle 'hats'")
    assert done.stderr.count("\n") == 1


def test_nothing_to_classify_is_exit_code_2() -> None:
    assert RUN.invoke(app, ["classify"]).exit_code == 2
