"""Figures of truth: audits weighed by their probability, and kappa as the textbooks have it."""

from __future__ import annotations

import pytest

from review.truth.quality import agreement_of, kappa, wilson
from tests.review.clients import Review, decision
from tests.review.test_truth import audit, in_browser, send


def test_kappa_is_that_of_the_textbook() -> None:
    counts = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}

    found = kappa(counts)

    assert found["kappa"] == pytest.approx(0.4)
    assert (found["kappa_low"], found["kappa_high"]) == (
        pytest.approx(0.1511, abs=5e-3),
        pytest.approx(0.6489, abs=5e-3),
    )


def test_who_always_agree_on_one_category_have_no_kappa_and_who_agree_by_chance_have_0() -> None:
    by_chance = {(one, other): 25 for one in "ab" for other in "ab"}

    assert agreement_of([("a", "a", 9)])["kappa"] is None
    assert agreement_of([])["share"] is None
    assert kappa(by_chance)["kappa"] == pytest.approx(0)


def test_agreement_is_told_by_category_too() -> None:
    found = agreement_of([("Shirt", "Shirt", 8), ("Shirt", "T-shirt", 4), ("T-shirt", "T-shirt", 4), ("Bag", "Bag", 9)])

    by_category = {row["category"]: row["kappa"] for row in found["categories"]}
    assert (found["images"], found["share"]) == (25, 0.84)
    assert by_category["Bag"] == 1.0
    assert by_category["Shirt"] < found["kappa"]


def test_the_interval_of_a_share_holds_at_its_ends() -> None:
    assert wilson(1.0, 30) == (pytest.approx(0.8865, abs=1e-3), 1.0)
    assert wilson(0.5, 100) == (pytest.approx(0.4038, abs=1e-3), pytest.approx(0.5962, abs=1e-3))


def test_audits_tell_how_much_of_what_passes_is_right(review_on_both: Review) -> None:
    review = review_on_both
    category = review.tag(review.ids[0])[0]
    for image in review.ids:
        audit(review, image)
    review.catalogue.sql("UPDATE classification SET review_reason = 'audit', audit_share = 0.5")
    screen = review.screen(mode="single")
    wrong, *right = screen["items"]

    review.decide(decision(wrong, "Dress"), *[decision(item, category) for item in right], screen=screen["id"])

    found = review.ask("GET", "quality", role="viewer").json()
    assert (found["precision"]["images"], found["precision"]["share"]) == (6, pytest.approx(5 / 6, abs=1e-3))
    assert 0.4 < found["precision"]["low"] < 5 / 6 < found["precision"]["high"] < 1
    assert [row["model"].split("@")[0] for row in found["models"]] == ["fashion-mnist"]
    assert [row["category"] for row in found["categories"]] == [category]
    review.log_in("a-viewer")
    assert "83.3 % of what passes is right" in review.client.get("/quality").text


def test_a_models_accuracy_weighs_audits_and_reviews_by_what_they_stand_for(review_on_both: Review) -> None:
    review = review_on_both
    category = review.tag(review.ids[0])[0]
    review.catalogue.items(*(f"sure-{number}.jpg" for number in range(12)))
    review.catalogue.record(review.catalogue.claim(), category, needs_review=False)
    for image in review.ids[:3]:
        audit(review, image)
        review.catalogue.sql(
            "UPDATE classification SET review_reason = 'audit', audit_share = 0.2 WHERE object_id = :id", id=image
        )
    screen = review.screen(mode="single", limit=12)
    audited, flagged = ([item for item in screen["items"] if (item["category"] is None) == blind] for blind in (1, 0))
    wrong = [audited[0], *flagged[:2]]

    review.decide(
        *[decision(one, "Dress" if one in wrong else category) for one in screen["items"]], screen=screen["id"]
    )

    (model,) = review.ask("GET", "models", role="viewer").json()
    assert [model[name]["images"] for name in ("accuracy", "passed", "reviewed")] == [6, 3, 3]
    assert [model[name]["share"] for name in ("passed", "reviewed")] == [pytest.approx(2 / 3, abs=1e-3), 0.3333]
    assert (model["results"], model["flagged"], model["sure"]) == (18, 0.3333, 0.8333)
    assert model["accuracy"]["share"] == pytest.approx(15 / 18 * 2 / 3 + 3 / 18 / 3, abs=1e-3)
    assert model["accuracy"]["low"] < model["accuracy"]["share"] < model["accuracy"]["high"]
    assert model["test_accuracy"] == pytest.approx(0.9554, abs=0.01)
    review.log_in("a-viewer")
    for path in ("/models", "/dashboard"):
        assert "61.1 %" in review.client.get(path).text


def test_of_a_model_that_nobody_looked_at_only_its_test_is_known(review: Review) -> None:
    (model,) = review.ask("GET", "models", role="viewer").json()

    assert (model["accuracy"], model["flagged"]) == ({"images": 0, "share": None, "low": None, "high": None}, 1.0)
    review.log_in("a-viewer")
    assert "test: 95." in review.client.get("/dashboard").text


def test_two_who_differ_are_listed_until_an_operator_settles_it(review: Review) -> None:
    review.client.app.state.parts.settings.double_share = 1.0  # type: ignore[attr-defined]
    review.log_in()
    screen = in_browser(review, mode="single", limit=1)
    (item,) = screen["items"]
    send(review, screen, decision(item, "Dress"))
    review.log_in("a-operator")
    again = in_browser(review, mode="single", limit=12)
    (double,) = [one for one in again["items"] if one["category"] is None]
    send(review, again, decision(double, "Coat", id="second"))

    (row,) = review.ask("GET", "quality").json()["disagreements"]
    page = review.client.get("/quality").text
    review.decide(decision(double, "Shirt", id="settled"), role="operator")

    assert (row["first_said"], row["first"], row["second_said"], row["second"]) == (
        "Dress",
        "a-reviewer",
        "Coat",
        "a-operator",
    )
    assert "they agree on 0.0 %" in page
    assert review.ask("GET", "quality").json()["disagreements"] == []
    assert review.tag(item["object_id"])[0] == "Shirt"
