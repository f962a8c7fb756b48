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


def test_the_rate_is_of_the_last_seconds_and_leaves_out_what_was_done_before() -> None:
    pace = progress._Pace()

    assert pace.text(7000, 1000, 0.0) == "–/s"
    assert pace.text(7130, 870, 1.0) == "130/s  ETA 0:00:07"
    for second in range(2, 31):  # slower from here on
        pace.text(7130 + 5 * second, 870 - 5 * second, float(second))
    assert pace.text(7285, 715, 31.0) == "5.0/s  ETA 0:02:23"


def test_the_rate_at_the_end_is_that_of_all_the_time() -> None:
    pace = progress._Pace()
    pace.text(0, 300, 0.0)
    pace.text(299, 1, 1.0)

    assert pace.text(300, 0, 30.0) == "10/s"


def test_a_rate_is_known_where_counts_are_far_apart() -> None:
    pace = progress._Pace()
    pace.text(0, 100, 0.0)

    assert pace.text(40, 60, 40.0) == "1.0/s  ETA 0:01:00"


def test_without_a_terminal_a_reason_to_wait_is_told_once_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"tagged": 0, "needs_review": 0, "skipped": 0, "quarantined": 0, "cancelled": 0, "open": 2}

    with progress.tagging_bar() as show:
        for _ in range(3):
            show(counts, "no worker is alive")

    assert capsys.readouterr().err.count("tagger: no worker is alive\n") == 1
