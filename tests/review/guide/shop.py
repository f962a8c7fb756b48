"""A shop for the guide's pictures: drawn garments that wait for review, and two weeks of nights on its dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from starlette.testclient import TestClient

from db import migrations, objects, runs
from db.objects import NewObject
from db.operations import control
from db.queue import leases
from db.review import users
from db.session import connect, sessions_of
from model import bundle as bundles
from review.access.passwords import hashed
from review.app import create_app
from tests.db.catalogues import Catalogue, open_run
from tests.review.clients import PASSWORD, Review
from tests.review.guide.garments import Garment, write
from worker.settings import Settings
from worker.storage.open import open_source
from worker.storage.store import S3Options

TEE, SHIRT, PULLOVER, COAT, DRESS = "T-shirt/top", "Shirt", "Pullover", "Coat", "Dress"
SURE = {TEE: 412, "Trouser": 388, PULLOVER: 301, DRESS: 277, COAT: 243, "Sneaker": 198, SHIRT: 164, "Bag": 121}
NIGHTS = (1342, 1190, 1421, 1275, 1318, 1933, 1204, 1377, 3871, 1568, 1788, 1022, 1387)
NO_TEES = (5, 14)
"""The places of the dresses in the sweep over T-shirts."""
NO_SHIRT = 9
"""The place of a T-shirt among the shirts of the pair."""
OPERATOR, REVIEWER = "amina", "wanjiru"
_LOOKED_AT = 240
_FLAGGED = (112, 96, 131, 108, 99, 171, 92, 120, 341, 470, 196, 102, 115)
_RUN = (
    "INSERT INTO run (logical_key, kind, selection, model_version_id, requested_by, state, cursor, counts, created_at,"
    " updated_at, finished_at) VALUES (:key, :kind, '{}', :model, :by, :state, '', :counts, :at, :at, :end)"
    " RETURNING id"
)
_DECISIONS = (
    "INSERT INTO decision (key, user_id, object_id, outcome, category, seq, how, drawn, probability, decided_at)"
    """ SELECT event.id, "user".id, object_id, 'category', json_extract(new, '$.category'), seq, 'sweep',"""
    " CASE WHEN substr(key, 11) % 4 THEN 'flag' ELSE 'audit' END, CASE WHEN substr(key, 11) % 4 THEN 1 ELSE 0.005 END,"
    """ at FROM tag_event AS event, "user", source_object AS image"""
    """ WHERE image.id = object_id AND "user".name = :reviewer"""
    " AND actor = 'person:' || :reviewer AND key LIKE 'looked-at/%'"
)
_COUNT = "INSERT INTO run_count (run_id, name, items) VALUES (:run, :name, :items)"


class Shot(NamedTuple):
    """A photograph: its key, what is drawn, and what the model says first and second, how surely in 1e-4."""

    key: str
    garment: Garment
    first: str
    second: str
    confidence: int
    product: str | None = None


def shots() -> list[Shot]:
    """List the photographs, each view of the guide under a prefix of its own."""
    return [*_sweep(), *_pair(), *_products(), *_single()]


def open_shop(folder: Path) -> Review:
    """Make the shop in a folder, with an operator and a reviewer who have the password of the tests."""
    for shot in shots():
        write(shot.garment, folder / "photos" / shot.key)
    engine = connect(f"sqlite:///{folder / 'catalogue.db'}")
    migrations.upgrade(engine)
    sessions, bundle = sessions_of(engine), bundles.read(bundles.find("fashion-mnist"))
    with sessions.begin() as session:
        users.add(session, OPERATOR, "operator", hashed(PASSWORD))
        users.add(session, REVIEWER, "reviewer", hashed(PASSWORD))
        model = runs.register_model(session, bundle.name, bundle.version, str(bundle.folder))
        night = f"nightly:{datetime.now(UTC):%Y-%m-%d}"
    catalogue = Catalogue(sessions, model.id, 0)
    _nights(catalogue)
    with sessions.begin() as session:
        run = open_run(session, model, night, "running")
        run.kind = "nightly"
        catalogue = Catalogue(sessions, model.id, run.id)
    ids = _tag(catalogue, folder / "photos", bundle.categories)
    _decide(catalogue)
    _work(catalogue)
    settings = Settings(image_cache=folder / "cache", probe_share=0, double_share=0, source=str(folder))
    return Review(catalogue, TestClient(create_app(settings, sessions)), {}, ids, folder)


def _sweep() -> Iterator[Shot]:
    for number in range(24):
        kind = DRESS if number in NO_TEES else TEE
        yield Shot(f"sweep/{number:02}.jpg", Garment(kind, 10 * number + number % 4), TEE, DRESS, 8300 + 40 * number)


def _pair() -> Iterator[Shot]:
    for number in range(24):
        is_shirt = number < 12
        kind = TEE if number in (NO_SHIRT, 12, *range(14, 24)) else SHIRT
        first, second = (SHIRT, TEE) if is_shirt else (TEE, SHIRT)
        sure = 8800 - 260 * number if is_shirt else 8800 - 260 * (23 - number)
        yield Shot(f"pair/{number:02}.jpg", Garment(kind, 700 + 10 * number + number % 4), first, second, sure)


def _products() -> Iterator[Shot]:
    kinds = (
        (COAT, PULLOVER),
        ("Bag", SHIRT),
        (DRESS, COAT),
        ("Sneaker", "Sandal"),
        (PULLOVER, COAT),
        ("Trouser", DRESS),
    )
    for product, (first, second) in enumerate(kinds):
        for view in range(3 + product % 2):
            garment = Garment(first, 1000 + 10 * product + view)
            key = f"product/AB-{1042 + product}-{view + 1}.jpg"
            yield Shot(key, garment, first, second, 5500 + 100 * product, f"AB-{1042 + product}")


def _single() -> Iterator[Shot]:
    yield Shot("single/winter-0417.jpg", Garment(COAT, 2000), PULLOVER, COAT, 4800)
    for number in range(4):
        yield Shot(f"settled/p{number}.jpg", Garment(PULLOVER, 2011 + 10 * number), PULLOVER, COAT, 5200 + number)
        yield Shot(f"settled/c{number}.jpg", Garment(COAT, 2061 + 10 * number), COAT, PULLOVER, 5200 + number)


def _tag(catalogue: Catalogue, photos: Path, names: tuple[str, ...]) -> list[int]:
    """Record what the model says of each photograph, and hundreds of sure ones that nobody will look at."""
    store, known = open_source(str(photos), S3Options()), {shot.key: shot for shot in shots()}
    found = [image for page in store.list_pages() for image in page]
    with catalogue.sessions.begin() as session:
        rows = [
            NewObject(one.key, one.version_token, one.size, one.last_modified, known[one.key].product) for one in found
        ]
        ids = objects.add(session, store.bucket, rows)
    for image in found:
        catalogue.enqueue([ids[image.key]], token=image.version_token)
    for item in catalogue.claim(500):
        shot = known[item.key]
        scores = [{shot.first: shot.confidence, shot.second: 9200 - shot.confidence}.get(name, 100) for name in names]
        unsure = {"scores": scores, "needs_review": True, "review_reason": "low_confidence"}
        catalogue.record([item], shot.first, confidence=shot.confidence, **unsure)
    for key in ids:
        if key.startswith("settled/"):
            catalogue.decide(ids[key], known[key].first)
    for name, count in SURE.items():
        catalogue.items(*(f"sure/{name}/{number}" for number in range(count)))
        catalogue.record(catalogue.claim(count), name)
    catalogue.items(*(f"broken/{number}" for number in range(7)))
    with catalogue.sessions.begin() as session:
        for item in catalogue.claim(7):
            leases.skip(session, item, "corrupt" if item.id % 3 else "too_large", "")
    return list(ids.values())


def _decide(catalogue: Catalogue) -> None:
    """Let the reviewer have looked at audits, nearly all of which are right, and at flagged images, a third wrong."""
    keys = [f"looked-at/{number}" for number in range(_LOOKED_AT)]
    catalogue.items(*keys)
    catalogue.record(catalogue.claim(_LOOKED_AT), SHIRT, needs_review=True, review_reason="low_confidence")
    rows = catalogue.sql("SELECT id, key FROM source_object WHERE key LIKE 'looked-at/%'")
    for object_id, key in rows:
        number = int(key.removeprefix("looked-at/"))
        is_wrong = number == 8 if number % 4 == 0 else number % 3 == 0
        catalogue.decide(object_id, TEE if is_wrong else SHIRT, person=REVIEWER)
    catalogue.sql(_DECISIONS, reviewer=REVIEWER)


def _nights(catalogue: Catalogue) -> None:
    today = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
    for before, tagged_, flagged in zip(range(len(NIGHTS), 0, -1), NIGHTS, _FLAGGED, strict=True):
        at = today - timedelta(days=before)
        counts = {"tagged": tagged_, "needs_review": flagged, "skipped": 0, "quarantined": 0, "open": 0}
        run = _run(catalogue, f"nightly:{at:%Y-%m-%d}", "nightly", "finished", at, counts=counts)
        for name, items in (("done", tagged_), ("needs_review", flagged)):
            catalogue.sql(_COUNT, run=run, name=name, items=items)


def _work(catalogue: Catalogue) -> None:
    """End the night, and let one run go on while another is paused by the gate."""
    now = datetime.now(UTC)
    catalogue.sql(
        "UPDATE run SET state = 'finished', finished_at = :now WHERE id = :run", now=now, run=catalogue.run_id
    )
    again = _run(catalogue, "reprocess:P-3f1a", "reprocess", "running", now - timedelta(minutes=9))
    for name, items in (("done", 8312), ("pending", 5400), ("needs_review", 604)):
        catalogue.sql(_COUNT, run=again, name=name, items=items)
    held = _run(catalogue, "scan:summer-shoot", "scan", "running", now - timedelta(minutes=30))
    for name, items in (("done", 900), ("pending", 1200), ("needs_review", 279)):
        catalogue.sql(_COUNT, run=held, name=name, items=items)
    why = "31 % of the first 900 results are flagged, against 8 % before: look at the photographs, then resume"
    with catalogue.sessions.begin() as session:
        control.pause(session, held, actor="person:gate", why=why)


def _run(
    catalogue: Catalogue, key: str, kind: str, state: str, at: datetime, counts: dict[str, int] | None = None
) -> int:
    end = at + timedelta(minutes=24) if state == "finished" else None
    values = {"key": key, "kind": kind, "model": catalogue.model_id, "by": "scheduler", "state": state}
    if end is None:
        return int(catalogue.sql(_RUN.replace(":end", "NULL"), **values, counts="{}", at=at)[0][0])
    return int(catalogue.sql(_RUN, **values, counts=json.dumps(counts), at=at, end=end)[0][0])
