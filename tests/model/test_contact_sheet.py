"""A contact sheet: a photograph beside the network's input, and what is said of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import contact_sheet
from model.classifier import Classifier
from model.summary import classify_file, lines_of_file, of_prediction
from tests.model.pictures import encode, photograph


@pytest.fixture
def shirt(tmp_path: Path) -> Path:
    path = tmp_path / "a shirt.jpg"
    path.write_bytes(encode(photograph(), "JPEG"))
    return path


def test_the_sheet_shows_what_the_network_saw_pixel_for_pixel(shipped: Classifier, shirt: Path) -> None:
    seen = classify_file(shipped, shirt)

    drawn = np.asarray(contact_sheet.row(seen).convert("L")).astype(int)

    left, scale = 2 * contact_sheet.GAP + contact_sheet.PICTURE, contact_sheet.PICTURE // 28
    shown = drawn[contact_sheet.GAP + scale // 2 :: scale, left + scale // 2 :: scale][:28, :28]
    assert seen.pixels is not None
    assert (shown == seen.pixels[..., 0]).all()


def test_a_name_with_any_letters_in_it_can_be_drawn(shipped: Classifier, shirt: Path) -> None:
    seen = classify_file(shipped, shirt)

    drawn = contact_sheet.row(replace(seen, row={**seen.row, "file": "Kleid\n裙子" + "é" * 300}))

    assert drawn.width == contact_sheet.WIDTH


def test_each_reason_for_a_review_is_told_with_its_numbers(shipped: Classifier, shirt: Path) -> None:
    row = {**classify_file(shipped, shirt).row, "threshold": 0.912, "ood_score": 31.26, "ood_threshold": 20.0}

    lines = [
        lines_of_file({**row, "review_reason": reason})[1] for reason in (None, "low_confidence", "unlike_training")
    ]

    assert lines == [
        "no review",
        "would be reviewed (low_confidence: under 91.2%)",
        "would be reviewed (unlike_training: score 31.3 over 20.0)",
    ]


def test_a_prediction_says_how_unlike_the_training_it_is(shipped: Classifier, shirt: Path) -> None:
    seen = classify_file(shipped, shirt)
    assert seen.pixels is not None
    prediction = replace(shipped.classify(seen.pixels[None])[0], ood_score=7.123)

    assert of_prediction(prediction, shipped)["ood_score"] == 7.12
