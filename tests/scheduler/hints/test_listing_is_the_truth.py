"""Hints in any order, doubled, lost and forged: after the next listing the catalogue is what it is without hints."""

from __future__ import annotations

from itertools import count
from typing import Any

from celery import Celery
from hypothesis import HealthCheck, given, settings, strategies as st

from scheduler.hints.events import read
from scheduler.hints.intake import Intake
from tests.db.catalogues import Catalogue
from tests.scheduler.hints.finding import FindingShelf
from tests.scheduler.hints.messages import event
from tests.scheduler.scans import scan
from worker.settings import Settings

KEYS = st.sampled_from(["a", "a b", "a+b", "bags/é", "bags/z"])
STORE = st.tuples(st.sampled_from(["put", "remove"]), KEYS)
HINT = st.tuples(st.just("hint"), KEYS | st.just("forged"), st.sampled_from(["Created:Put", "Removed:Delete"]))
STEPS = st.lists(STORE | HINT | st.just(("tag",)) | st.just(("list",)), max_size=12)
numbers = count()


def tag_all(catalogue: Catalogue, shelf: FindingShelf) -> None:
    """Work off both queues. What the store has no longer is not there to be read, as for a worker."""
    for name in ("ops", "nightly"):
        while items := catalogue.claim(queue_name=name):
            for item in items:
                if shelf.tokens.get(item.key) == item.version_token:
                    assert catalogue.record([item], item.version_token) == 1
                else:
                    catalogue.sql(
                        "UPDATE work_item SET state = 'skipped', reason = 'not_found', lease_owner = NULL"
                        " WHERE id = :id",
                        id=item.id,
                    )


def images(catalogue: Catalogue, bucket: str) -> list[Any]:
    """Return what there is in a bucket, and how it is tagged."""
    return list(
        catalogue.sql(
            "SELECT o.key, o.version_token, t.category FROM source_object o LEFT JOIN image_tag t ON t.object_id = o.id"
            " WHERE o.bucket = :bucket AND o.gone_at IS NULL ORDER BY o.key",
            bucket=bucket,
        )
    )


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_hints_change_nothing_in_the_end(catalogue: Catalogue, app: Celery, steps: list[tuple[str, ...]]) -> None:
    number = next(numbers)
    hinted, plain = FindingShelf(bucket=f"hinted-{number}"), FindingShelf(bucket=f"plain-{number}")
    intake = Intake(Settings(), catalogue.sessions, app, hinted)

    for version, step in enumerate([*steps, ("list",), ("tag",)]):
        match step:
            case ("put", key):
                hinted.put(key, token=f"v{version}")
            case ("remove", key) if key in hinted.tokens:
                hinted.remove(key)
            case ("hint", key, kind):
                intake.take(read(event(key, bucket=hinted.bucket, name=f"Object{kind}")).hints)
            case ("tag",):
                tag_all(catalogue, hinted)
            case ("list",):
                scan(catalogue, hinted)
    plain.tokens = dict(hinted.tokens)
    scan(catalogue, plain)
    tag_all(catalogue, plain)

    assert images(catalogue, hinted.bucket) == images(catalogue, plain.bucket)
    assert {row.key: row.version_token for row in images(catalogue, hinted.bucket)} == hinted.tokens
    assert catalogue.violations() == []
