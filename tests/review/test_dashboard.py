"""The dashboard: problems first, figures by the catalogue's own functions, kept fresh behind the requests."""

from __future__ import annotations

import json
import threading
from itertools import repeat

import pytest
from sqlalchemy.exc import OperationalError

from db.operations import control
from review.board import charts
from review.board.kept import Kept
from review.board.wording import span
from review.pages import dashboard
from tests.review.clients import Review


def page(review: Review, role: str = "operator") -> str:
    """Log in and read the dashboard when everything on it was counted."""
    review.log_in(f"a-{role}")
    figures = review.client.app.state.parts.figures  # type: ignore[attr-defined]
    assert figures.moment.get(wait_s=60)
    assert figures.counted.get(wait_s=60)
    return review.client.get("/dashboard").text


def test_a_paused_run_stands_first_with_the_note_at_it(review_on_both: Review) -> None:
    with review_on_both.catalogue.sessions.begin() as session:
        control.pause(session, review_on_both.catalogue.run_id, actor="person:gate", why="31 % are <flagged>")

    shown = page(review_on_both)

    assert "scan:1 is paused (gate): 31 % are &lt;flagged&gt;" in shown
    assert shown.index("is paused (gate)") < shown.index("Running work")
    assert '/runs/1/resume">Resume' in shown


def test_results_queue_mix_models_and_schedule_are_shown(review_on_both: Review) -> None:
    shown = " ".join(page(review_on_both).split())

    assert "<b>6</b><span>wait for review</span>" in shown
    assert '<dt>Waiting</dt><dd><a href="/">6</a></dd>' in shown
    assert "100.0 % for review" in shown
    assert "fashion-mnist@" in shown
    assert "At 02:00 every day (UTC)" in shown


def test_failures_are_grouped_and_retried_by_operators_alone(review: Review) -> None:
    review.catalogue.items("a.jpg", "b.jpg")
    review.catalogue.sql(
        "UPDATE work_item SET state = 'skipped', reason = 'store_unavailable', eligible_at = eligible_at"
        " WHERE state = 'pending'"
    )

    assert "<b>2</b> store unavailable" in page(review)
    assert 'name="reason" value="store_unavailable"' in page(review)
    assert 'name="reason"' not in page(review, "viewer")


def test_the_stream_sends_the_sections_once_and_then_signs_of_life(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(review)
    stops = iter([*repeat(False, 3), True])
    review.client.app.state.parts.stopping = lambda: next(stops)  # type: ignore[attr-defined]
    monkeypatch.setattr(dashboard, "EVERY_S", 0.0)
    monkeypatch.setattr(dashboard, "_PULSE_S", -1.0)

    stream = review.client.get("/dashboard/events")

    events = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: ")]
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert "Running work" in events[0]["html"]
    assert [event["html"] for event in events[1:]] == [None, None]


def test_a_value_is_shown_while_it_is_computed_anew() -> None:
    go_on, values = threading.Event(), iter([1, 2])

    def compute() -> int:
        value = next(values)
        if value == 2:
            go_on.wait(60)
        return value

    kept = Kept(compute, fresh_s=-1.0, share=1e9)
    first = kept.get(wait_s=60)
    meanwhile = kept.get(wait_s=0)
    go_on.set()

    assert first is not None
    assert meanwhile is not None
    assert (first.value, meanwhile.value) == (1, 1)


def test_a_value_outlives_a_database_that_is_away() -> None:
    fails = iter([False, True, False])

    def compute() -> str:
        if next(fails):
            raise OperationalError("SELECT", {}, Exception("away"))
        return "known"

    kept = Kept(compute, fresh_s=-1.0, share=1e9)

    assert [found.value for _ in range(3) if (found := kept.get(wait_s=60))] == ["known"] * 3


def test_charts_escape_their_labels_and_draw_nothing_for_what_is_unknown() -> None:
    drawn = charts.sparkline([0, None, 4], ["a", "b", '"<c>'], "nights")

    assert drawn.count("<rect") == 2
    assert "&#34;&lt;c&gt;" in drawn
    assert "100.00" in charts.share(7, "all")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (61, "1 min 1 s"), (7200, "2 h"), (93_600, "1 d 2 h"), (9e6, "104 d")]
)
def test_spans_are_said_by_their_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said
