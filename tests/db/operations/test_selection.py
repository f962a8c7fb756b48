"""Selections mean the images that their words say, alone and combined."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db import runs
from db.operations import selection
from db.operations.selection import Selection
from db.schema import SourceObject
from tests.db.catalogues import LONG_AGO, Catalogue, ask


@pytest.fixture
def shop(catalogue: Catalogue) -> Catalogue:
    """Images that differ in all that a selection can ask for."""
    for key, category, review_reason in (
        ("hats/sure", "Hat", None),
        ("hats/unsure", "Hat", "low_confidence"),
        ("bags/odd", "Bag", "unlike_training"),
        ("bags/sure", "Bag", None),
    ):
        catalogue.items(key)
        catalogue.record(catalogue.claim(), category, needs_review=bool(review_reason), review_reason=review_reason)
    catalogue.items("bags/empty", "hats/corrupt", "hats/waiting")
    end(catalogue, "bags/empty", "skipped", "empty")
    end(catalogue, "hats/corrupt", "quarantined", "corrupt")
    catalogue.sql("UPDATE work_item SET failed_under = '0.1' WHERE reason = 'corrupt'")
    catalogue.sql("UPDATE source_object SET product_id = 'p1' WHERE key LIKE '%sure'")
    catalogue.sql("UPDATE source_object SET first_seen = :then WHERE key != 'bags/odd'", then=LONG_AGO)
    return catalogue


def end(catalogue: Catalogue, key: str, state: str, reason: str) -> None:
    catalogue.sql(
        "UPDATE work_item SET state = :state, reason = :reason"
        " WHERE object_id = (SELECT id FROM source_object WHERE key = :key)",
        state=state,
        reason=reason,
        key=key,
    )


def meant(catalogue: Catalogue, model: int = 0, **given: Any) -> set[str]:
    chosen = Selection(**given)
    found: set[str] = set()
    with catalogue.sessions.begin() as session:
        for part in chosen.parts(session):
            images = part.images(SourceObject.key).where(*chosen.conditions(model or catalogue.model_id, part))
            found.update(session.execute(images).scalars())
    return found


ALL = {"hats/sure", "hats/unsure", "bags/odd", "bags/sure", "bags/empty", "hats/corrupt", "hats/waiting"}


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"everything": True}, ALL),
        ({"failed": True}, {"bags/empty", "hats/corrupt"}),
        ({"failed": True, "reasons": ("corrupt",)}, {"hats/corrupt"}),
        ({"failed": True, "failed_under": ("0.0.9", "0.1")}, {"hats/corrupt"}),
        ({"failed": True, "reasons": ("empty",), "failed_under": ("0.1",)}, set()),
        ({"missing": True}, {"bags/empty", "hats/corrupt", "hats/waiting"}),
        ({"low_confidence": True}, {"hats/unsure"}),
        ({"unlike_training": True}, {"bags/odd"}),
        ({"categories": ("Hat",)}, {"hats/sure", "hats/unsure"}),
        ({"categories": ("Hat", "Bag"), "low_confidence": True}, {"hats/unsure"}),
        ({"prefixes": ("bags/",)}, {"bags/odd", "bags/sure", "bags/empty"}),
        ({"prefixes": ("bags/o", "hats/s")}, {"bags/odd", "hats/sure"}),
        ({"products": ("p1",)}, {"hats/sure", "hats/unsure", "bags/sure"}),
        ({"products": ("p1",), "prefixes": ("bags/",)}, {"bags/sure"}),
        ({"runs": (1,), "missing": True, "prefixes": ("hats/",)}, {"hats/corrupt", "hats/waiting"}),
        ({"runs": (2,)}, set()),
        ({"models": ("net",)}, {"hats/sure", "hats/unsure", "bags/odd", "bags/sure"}),
        ({"models": ("net@1", "other"), "categories": ("Bag",)}, {"bags/odd", "bags/sure"}),
        ({"models": ("net@2",)}, set()),
        ({"stale_model": True}, set()),
        ({"keys": ("bags/odd", "hats/waiting", "nowhere")}, {"bags/odd", "hats/waiting"}),
        ({"keys": ("bags/odd", "hats/waiting"), "missing": True}, {"hats/waiting"}),
        ({"since": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, {"bags/odd"}),
    ],
)
def test_a_selection_means(shop: Catalogue, given: dict[str, Any], keys: set[str]) -> None:
    assert meant(shop, **given) == keys


def test_a_stale_tag_is_one_by_another_model_than_the_new_one(shop: Catalogue) -> None:
    model = ask(shop, runs.register_model, "net", "2")
    human = shop.value("SELECT id FROM source_object WHERE key = 'hats/sure'")
    shop.decide(human, "Hat")

    assert meant(shop, model.id, stale_model=True) == {"hats/unsure", "bags/odd", "bags/sure"}  # type: ignore[attr-defined]


def test_a_failure_that_was_queued_again_is_none(shop: Catalogue) -> None:
    shop.enqueue([shop.value("SELECT id FROM source_object WHERE key = 'bags/empty'")])
    shop.sql("UPDATE work_item SET request_id = 'again' WHERE state = 'pending'")
    failed = shop.value("SELECT id FROM source_object WHERE key = 'hats/corrupt'")
    with shop.sessions.begin() as session:
        session.get_one(SourceObject, failed).version_token = "v2"

    assert "hats/corrupt" not in meant(shop, failed=True)


def test_an_image_changed_since_then_is_meant_though_it_was_known_before(shop: Catalogue) -> None:
    object_id = shop.value("SELECT id FROM source_object WHERE key = 'hats/sure'")
    shop.overwrite(object_id, "hats/sure", "v2")

    assert meant(shop, since="2026-01-01T00:00:00+00:00") == {"bags/odd", "hats/sure"}


def test_keys_are_found_in_every_bucket_and_the_others_are_named(
    shop: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "_KEYS", 2)
    shop.sql("UPDATE source_object SET bucket = 'another' WHERE key = 'bags/odd'")
    keys = ("hats/sure", "hats/unsure", "nowhere", "bags/odd", "never")

    assert meant(shop, keys=keys) == {"hats/sure", "hats/unsure", "bags/odd"}
    assert ask(shop, selection.unknown_keys, keys) == ["nowhere", "never"]


def test_windows_cover_every_image(shop: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "WINDOW", 2)

    assert meant(shop, everything=True) == ALL


def test_what_a_plan_keeps_of_a_selection_means_the_same() -> None:
    given = Selection(failed=True, reasons=("corrupt",), runs=(3,), since="2026-01-01T00:00:00+00:00", keys=("a", "b"))

    assert given.as_dict()["keys"] == 2
    assert Selection.from_dict(given.as_dict()) == Selection(
        failed=True, reasons=("corrupt",), runs=(3,), since="2026-01-01T00:00:00+00:00"
    )
