"""Progress bars are drawn on standard error, and only what should stay is left there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cli import progress


@dataclass
class Step:
    """As a training reports it."""

    epoch: int = 1
    step: int = 5
    steps: int = 10
    loss: float = 0.25
    seconds_left: float = 61
    validation_accuracy: float | None = None


def test_a_run_shows_what_is_done_of_all_and_why_nothing_moves(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"tagged": 6, "needs_review": 2, "skipped": 1, "quarantined": 1, "cancelled": 0, "open": 2}

    with progress.tagging_bar() as show:
        show(counts, "no worker is alive")

    out, err = capsys.readouterr()
    assert out == ""
    assert "8/10" in err
    assert "needs review 2  failed 2 no worker is alive" in " ".join(err.split("\n"))


def test_an_epoch_of_a_training_leaves_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.training_bar(3) as show:
        show(Step(), "")  # type: ignore[arg-type]
        show(Step(epoch=2, validation_accuracy=0.9), "fold 1")  # type: ignore[arg-type]

    err = capsys.readouterr().err
    assert "fold 1, epoch 2: 90.00% of validation right" in err
    assert "epoch 1:" not in err


def test_counting_and_listing_leave_nothing_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.counter("decoding", 2) as count, progress.listing_spinner() as show:
        count()
        show(1000)

    assert capsys.readouterr() == ("", "")
