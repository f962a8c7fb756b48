"""The page of labels for review: complete, readable without a network, and with a table to correct."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data.inspection.label_issues import LabelIssue, LabelIssues
from model.evaluation.report import label_page
from tests.model.evaluation.report.pages import Page
from tests.model.pictures import encode, photograph

CATEGORIES = ("bag & belt", "coat", "dress")
NAMES = [f"coat/{index}.jpg" for index in range(9)] + ["<b>dress</b>.jpg"]


def problems(*issues: LabelIssue, images: int = 10, unjudged: tuple[str, ...] = ()) -> LabelIssues:
    counts = np.eye(3, dtype=np.int64)
    for issue in issues:
        counts[issue.given, issue.suggested] += 1
    folds = 5 if images else 0
    return LabelIssues(CATEGORIES, images, folds, 0.8 if images else float("nan"), issues, counts, unjudged)


SOME = problems(LabelIssue(9, 2, 1, 0.01, 0.98), LabelIssue(4, 1, 0, 0.1, 0.9), LabelIssue(2, 1, 0, 0.2, 0.75))


def picture(_index: int) -> Image.Image:
    return photograph()


def rendered(result: LabelIssues) -> Page:
    return Page(label_page.render(result, NAMES, picture))


def test_both_files_are_written_and_the_table_can_be_corrected(tmp_path: Path) -> None:
    page = label_page.write(tmp_path / "new", SOME, NAMES, picture)

    text = (page.parent / "label_problems.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted(path.name for path in page.parent.iterdir()) == ["label_problems.csv", "label_problems.html"]
    assert rows[0] == {
        "key": "<b>dress</b>.jpg",
        "category": "dress",
        "suggested": "coat",
        "probability_given": "0.0100",
        "probability_suggested": "0.9800",
    }
    assert [row["key"] for row in rows[1:]] == ["coat/4.jpg", "coat/2.jpg"]


def test_the_page_needs_no_network_and_believes_no_name() -> None:
    text = label_page.render(SOME, NAMES, picture)

    page = Page(text)

    assert page.fetched
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.fetched)
    assert not set(page.tags) & {"script", "link", "iframe", "object", "embed"}
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text
    assert "<b>dress" not in text


def test_issues_are_shown_by_pair_the_most_frequent_first() -> None:
    page = rendered(SOME)

    assert {"pair-1", "pair-2"} <= page.ids
    assert page.tags.count("img") == 3
    first, second = (page.text.index(f"Labelled {given},") for given in ("coat", "dress"))
    assert first < second
    for text in ("bag & belt", "3 of 10", "2. coat/4.jpg", "98\N{NARROW NO-BREAK SPACE}%"):
        assert text in page.text


def test_only_the_clearest_are_shown_and_pictures_of_others_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_page, "SHOWN", 1)
    asked: list[int] = []

    page = Page(label_page.render(SOME, NAMES, asked.append))

    assert asked == [9]
    assert "Only the clearest 1 are shown" in page.text
    assert "no picture" in page.text
    assert "coat → bag & belt 2" in page.text
    assert page.tags.count("figure") == 1


@pytest.mark.parametrize("data", [None, b"", b"no picture"])
def test_what_is_no_picture_leaves_a_gap(data: bytes | None) -> None:
    page = Page(label_page.render(SOME, NAMES, lambda _: data))

    assert page.text.count("no picture") == 3


def test_bytes_are_read_and_thumbnails_are_small() -> None:
    page = Page(label_page.render(SOME, NAMES, lambda _: encode(photograph(2000, 3000), "JPEG")))

    assert len(page.fetched) == 3
    assert max(map(len, page.fetched)) < 40_000


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (problems(), "No label is clearly contradicted"),
        (problems(images=0, unjudged=CATEGORIES), "These labels cannot be checked"),
        (problems(unjudged=("coat",)), "fewer than three products: coat"),
    ],
)
def test_it_says_so_when_there_is_nothing_to_review(result: LabelIssues, sentence: str) -> None:
    page = rendered(result)

    assert sentence in page.text
    assert page.ids == {"summary"}
    assert "img" not in page.tags
