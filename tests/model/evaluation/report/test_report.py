"""The report of an evaluation: complete, true to the figures, and readable without a network."""

import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from model.bundle import Bundle
from model.classifier import Classifier
from model.data.dataset import Dataset
from model.decisions.ood import SERVED
from model.decisions.thresholds import ReviewPolicy
from model.evaluation.assessment import EvaluationResult, evaluate_bundle
from model.evaluation.evaluation_sets import EvaluationSet, OodSource, of_fashion_mnist
from model.evaluation.report import report, wording
from model.evaluation.report.page import thumbnail
from tests.model.evaluation.report.pages import Page

PICTURES = ("confusion", "reliability", "risk_coverage")
SECTIONS = {"summary", "categories", "confusion", "confusions", "reliability", "coverage", "guarantee", "unlike"} | {
    "runtimes",
    "training",
    "limits",
}
COMMANDS = Path(__file__).parents[4] / "docs" / "commands.md"


@pytest.fixture(scope="module")
def evaluation_set(bars: Bundle, small_data: Dataset) -> EvaluationSet:
    """Test images of bars, of which ten have a label that is not theirs, so that there are mistakes to show."""
    labels = np.where(np.arange(100) % 10 == 3, (small_data.test.labels + 1) % 10, small_data.test.labels)
    return dataclasses.replace(of_fashion_mnist(small_data.test, bars.preprocessing, None), labels=labels)


@pytest.fixture(scope="module")
def result(bars: Bundle, evaluation_set: EvaluationSet) -> EvaluationResult:
    return evaluate_bundle(bars, evaluation_set)


@pytest.fixture(scope="module")
def folder(result: EvaluationResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    report.write(place, result)
    return place


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_the_page_needs_no_network_and_no_other_file(folder: Path, page: Page) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")

    assert page.fetched
    assert all(address.startswith("data:image/png;base64,") for address in page.fetched)
    assert not set(page.tags) & {"script", "link", "iframe", "object", "embed"}
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text


def test_every_section_picture_and_category_is_there(page: Page, bars: Bundle, folder: Path) -> None:
    assert page.ids >= SECTIONS
    for name in bars.categories:
        assert name in page.text
    for name in PICTURES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert page.tags.count("img") > len(PICTURES) + 5 * 12


def test_the_page_says_what_the_figures_say(page: Page, result: EvaluationResult) -> None:
    metrics = result.metrics

    for share in (metrics.accuracy, metrics.unreviewed, metrics.unreviewed_precision, *metrics.accuracy_interval):
        assert f"{100 * share:.1f}\N{NARROW NO-BREAK SPACE}%" in page.text
    assert "99 % of what is tagged without review is right" in page.text
    assert wording.mistakes(result)[0] in page.text


def test_the_figures_are_written_as_json_with_documented_keys(folder: Path, result: EvaluationResult) -> None:
    about = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))

    assert about == result.as_json()
    assert about["accuracy"] == 0.9
    assert about["confusions"][0]["images"] == 10
    assert len(about["confusions"][0]["surest"]) == 8
    for key in (*about, *about["guarantee"]["here"], *about["unlike_training"], *about["speed"]):
        assert f"`{key}`" in COMMANDS.read_text(encoding="utf-8"), key


def test_the_tables_hold_every_category_and_image(folder: Path, bars: Bundle, result: EvaluationResult) -> None:
    images = rows(folder / "images.csv")

    assert [row["category"] for row in rows(folder / "categories.csv")] == list(bars.categories)
    assert [row["true"] for row in rows(folder / "confusion.csv")] == list(bars.categories)
    assert {row["calibration"] for row in rows(folder / "reliability.csv")} == {"before", "after"}
    assert rows(folder / "risk_coverage.csv")[-1]["precision"] == "0.9"
    assert len(images) == 100
    assert sum(row["true"] == row["predicted"] for row in images) == 90
    assert sum(row["needs_review"] == "false" for row in images) == round(100 * result.metrics.unreviewed)
    assert not (folder / "rejected.csv").exists()


def test_every_ood_source_is_measured_by_every_score(folder: Path, result: EvaluationResult) -> None:
    table = {row["source"]: row for row in rows(folder / "unlike_training.csv")}
    unlike = result.as_json()["unlike_training"]

    assert set(table) == set(unlike["sources"]) >= {"noise", "blank", "text", "inverted", "upside down", "photographs"}
    assert set(unlike["auroc"]) == {"maximum softmax", "energy", "mahalanobis", "mahalanobis of directions", SERVED}
    assert float(table["noise"][f"auroc {SERVED}"]) == unlike["sources"]["noise"]["auroc"] > 0.9
    assert unlike["false_alarms"] <= 0.1


def test_other_peoples_photographs_are_counted_and_not_shown(
    page: Page, result: EvaluationResult, bars: Bundle
) -> None:
    hidden = [metrics.source for metrics in result.ood.sources if not metrics.source.shown]

    assert [source.name for source in hidden] == ["photographs"]
    assert not {thumbnail(image) for image in hidden[0].images} & set(page.fetched)
    assert "Hats were not tried" in page.text


def test_a_report_that_is_handed_on_shows_no_labelled_image(
    folder: Path, evaluation_set: EvaluationSet, bars: Bundle, tmp_path: Path
) -> None:
    hidden = dataclasses.replace(
        evaluation_set, shown=False, ood_sources=(OodSource("mine", evaluation_set.images[:9], (), shown=False),)
    )
    thumbnails = [thumbnail(image) for image in evaluation_set.images]

    report.write(tmp_path, evaluate_bundle(bars, hidden, reference=False))

    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert any(image in (folder / "report.html").read_text(encoding="utf-8") for image in thumbnails)
    assert not any(image in text for image in thumbnails)
    assert "not in this report" in text
    assert "Not shown, because they are other people's: mine." in text


def test_what_would_be_reviewed_is_what_the_classifier_says(result: EvaluationResult, bars: Bundle) -> None:
    served = Classifier.load(bars.folder).classify(result.evaluation_set.images)

    assert [prediction.review_reason or "" for prediction in served] == result.decisions.reasons.tolist()
    np.testing.assert_array_equal([prediction.confidence for prediction in served], result.decisions.confidence)


def test_a_bundle_carries_the_report_of_its_test_and_its_figures(bars: Bundle) -> None:
    inside = {path.relative_to(bars.folder).as_posix() for path in (bars.folder / "report").iterdir()}
    about = json.loads((bars.folder / "report" / "evaluation.json").read_text(encoding="utf-8"))

    assert inside <= set(bars.files)
    assert inside >= {"report/report.html", "report/images.csv", "report/confusion.png", "report/unlike_training.csv"}
    assert {key: about[key] for key in bars.metrics["test"]} == bars.metrics["test"]
    assert bars.metrics["unlike_training"] == about["unlike_training"]
    assert bars.training["multiply_adds"] > 1_000_000
    assert sum((bars.folder / name).stat().st_size for name in inside) < 1_500_000


def test_an_old_bundle_gets_a_report_that_says_what_is_missing(
    old_bars: Bundle, evaluation_set: EvaluationSet, tmp_path: Path
) -> None:
    result = evaluate_bundle(old_bars, evaluation_set, reference=False)
    report.write(tmp_path, result)

    page, about = Page((tmp_path / "report.html").read_text(encoding="utf-8")), result.as_json()

    assert page.ids >= SECTIONS
    assert "has not kept its validation outcomes" in page.text
    assert "made before images unlike the training could be flagged" in page.text
    assert "TensorFlow is not installed here" in page.text
    assert about["guarantee"]["validation"] is about["agreement"] is about["unlike_training"]["false_alarms"] is None
    assert set(about["unlike_training"]["auroc"]) == {"maximum softmax", "energy"}
    assert "\n".join(wording.lines(result)).count("TensorFlow is not installed") == 1


def test_thresholds_for_a_number_of_reviews_are_described_as_such(
    bars: Bundle, evaluation_set: EvaluationSet, tmp_path: Path
) -> None:
    plain = dataclasses.replace(evaluation_set, ood_sources=())
    result = evaluate_bundle(bars, plain, ReviewPolicy(review_budget=0.05), reference=False)
    report.write(tmp_path, result)

    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text

    assert result.as_json()["review_budget"] == 0.05
    assert result.target is None
    assert "at most 5 % of images are reviewed" in text
    assert "No images of other kinds were tested" in text


def test_names_from_a_folder_cannot_become_markup(bars: Bundle, evaluation_set: EvaluationSet, tmp_path: Path) -> None:
    source = OodSource("<script>alert(1)</script>", evaluation_set.images[:3], ('"><b>', "b", "c"))
    hostile = dataclasses.replace(evaluation_set, title="the folder <img src=x>", ood_sources=(source,))

    report.write(tmp_path, evaluate_bundle(bars, hostile, reference=False))

    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "x" not in page.fetched
    assert "<script>alert(1)</script>" in page.text
