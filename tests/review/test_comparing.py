"""Plans are compared with the tags there are, by any bundle, behind the requests that ask for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from model import ModelError
from review.board import comparisons
from review.board.comparisons import Comparisons
from tests.review.browsing import until
from tests.review.clients import Review
from tests.review.test_operations import post


def compared(review: Review, code: str) -> None:
    """Wait until a comparison has come to its end."""
    known: Comparisons = review.client.app.state.parts.comparisons  # type: ignore[attr-defined]

    def is_running() -> bool:
        progress = known.of(code)
        return progress is not None and progress.failed is None

    until(is_running, False)


def test_a_plan_with_a_model_of_choice_shows_which_category_changes_into_which(review_on_both: Review) -> None:
    review = review_on_both
    review.log_in("a-operator")
    before = [review.tag(image) for image in review.ids]
    (model,) = re.findall(r"<option>(fashion-mnist@\w+)</option>", review.client.get("/plans/new").text)

    path = post(review, "/plans", what="low_confidence", model=model, compare="true")
    compared(review, path.removeprefix("/plans/"))
    page = review.client.get(path).text

    assert f"With {model}." in page
    assert f"Of {len(review.ids)} that were classified" in page
    (category, *_) = re.findall(rf'"/screen\?plan={path[7:]}&amp;category=([\w-]+)"', page)
    screen = review.screen(plan=path[7:], category=category)
    assert {(item["category"], item["proposed"]) for item in screen["items"]} == {(before[0][0], category)}
    assert [review.tag(image) for image in review.ids] == before
    assert review.catalogue.violations() == []


def test_programs_ask_for_a_comparison_and_then_look_at_the_plan(review: Review) -> None:
    made: Any = review.ask("POST", "plans", role="operator", json={"low_confidence": True, "compare": True}).json()
    compared(review, made["plan"])

    found = review.ask("GET", f"plans/{made['plan']}", role="viewer").json()

    assert made["comparison"].keys() == {"of", "done", "failed"}
    assert (found["compared"], "comparison" in found) == (len(review.ids), False)
    assert sum(change["images"] for change in found["changes"]) + found["unchanged"] == len(review.ids)


def test_a_comparison_that_fails_says_why_and_can_be_begun_again(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ModelError("the bundle has <gone>")

    review.log_in("a-operator")
    plan = post(review, "/plans", what="low_confidence")
    assert "Nothing was compared yet" in review.client.get(plan).text

    with monkeypatch.context() as patched:
        patched.setattr(comparisons, "build_tagger", broken)
        post(review, f"{plan}/compare")
        compared(review, plan[7:])
        assert "The comparison failed: the bundle has &lt;gone&gt;" in review.client.get(plan).text
    post(review, f"{plan}/compare")
    compared(review, plan[7:])

    assert "Categories that change" in review.client.get(plan).text
    assert "failed" not in review.client.get(plan).text
