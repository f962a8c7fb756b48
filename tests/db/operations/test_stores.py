"""A re-run of images in several stores goes on in those that answer, and one of a single store is left out whole."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from db import objects
from db.objects import NewObject
from db.operations import reprocess
from db.queue import claims, throttle
from db.schema.work import SEVERAL
from tests.db.catalogues import BUCKET, LONG_AGO, Catalogue, ask, keys_of
from tests.db.operations.filling import fill
from tests.db.operations.planning import make, open_plan
from tests.db.test_claim_cost import LIMIT, rows_read

HELD = 3000


def images_elsewhere(catalogue: Catalogue, *keys: str, bucket: str = "shoes") -> None:
    with catalogue.sessions.begin() as session:
        objects.add(session, bucket, [NewObject(key, "v1", 1, LONG_AGO, None) for key in keys])


def claim(catalogue: Catalogue, limit: int = 10) -> list[str]:
    return keys_of(catalogue.claim(limit, queue_name="ops"))


def test_a_re_run_of_one_store_is_left_out_while_that_is_held(catalogue: Catalogue) -> None:
    catalogue.images("a", "b")

    run = open_plan(catalogue, make(catalogue))
    ask(catalogue, throttle.hold, BUCKET, "503")

    assert run.bucket == BUCKET
    assert ask(catalogue, throttle.held_until, run.id) is not None
    assert ask(catalogue, claims.next_model, "ops") is None
    assert ask(catalogue, claims.claimable, "ops") == 0
    assert claim(catalogue) == []


def test_a_re_run_over_two_stores_goes_on_in_the_one_that_answers(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprocess, "STEP", 2)
    catalogue.images("a", "b", "c")
    images_elsewhere(catalogue, "d", "e")

    run = open_plan(catalogue, make(catalogue))
    ask(catalogue, throttle.hold, BUCKET, "503")

    assert run.bucket == SEVERAL
    assert ask(catalogue, claims.next_model, "ops") == catalogue.model_id
    assert ask(catalogue, claims.claimable, "ops") == 2
    assert claim(catalogue, 1) == ["d"]
    assert claim(catalogue) == ["e"]
    ask(catalogue, throttle.answered, [BUCKET])
    assert claim(catalogue) == ["a", "b", "c"]


def test_of_a_held_store_nothing_is_looked_at_in_a_re_run_over_two(postgres_catalogue: Catalogue) -> None:
    catalogue = postgres_catalogue
    fill(catalogue, HELD)
    images_elsewhere(catalogue, *(f"alive {number:02}" for number in range(3 * LIMIT)))
    open_plan(catalogue, make(catalogue))
    ask(catalogue, throttle.hold, BUCKET, "503")

    def work(session: Session) -> list[str]:
        assert claims.next_model(session, "ops") is not None
        assert claims.claimable(session, "ops", at_most=LIMIT) == LIMIT
        options: dict[str, Any] = {"model_version_id": catalogue.model_id, "owner": "me", "limit": LIMIT}
        return [item.key for item in claims.claim(session, queue="ops", **options)]

    assert rows_read(catalogue, work) < 12 * LIMIT


def test_what_waits_in_a_store_that_stays_away_is_given_up_in_every_re_run(catalogue: Catalogue) -> None:
    catalogue.images("a")
    images_elsewhere(catalogue, "b")
    open_plan(catalogue, make(catalogue))

    given_up = ask(catalogue, throttle.give_up, BUCKET, "gone")

    assert given_up == 1
    assert claim(catalogue) == ["b"]
    assert catalogue.violations() == []
