"""A review of photographs that wait, on PostgreSQL from its wheel: what browsers and pictures are measured on."""

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bench.catalogue_rows import Sizes, fill
from bench.images import make
from bench.review.client import Client, answers
from db import migrations
from db.session import Sessions, connect, sessions_of
from model import bundle as bundles
from stack.processes import free_ports, spawn, temporary_folder, wait_until
from stack.servers import postgres
from stack.topology import TAGGER, environment_without_tagger
from worker.storage.open import open_source
from worker.storage.store import S3Options

DRAWN = 200
"""Photographs that differ; the others are the same bytes under other names."""
FIRST, SECOND = 6000, 3000
"""What the model gives its first and its second choice, of 10,000."""
_FIND = "UPDATE source_object SET bucket = :bucket, key = :key, version_token = :token WHERE id = :id"
_TAG = "UPDATE image_tag SET category = :category, confidence = :confidence WHERE object_id = ANY(:ids)"
_CLASSIFY = (
    "UPDATE classification SET category = :category, confidence = :confidence, scores = CAST(:scores AS json)"
    " WHERE object_id = ANY(:ids)"
)


@dataclass(frozen=True)
class Desk:
    """A review that answers, and the images that wait there, in the order in which they are claimed."""

    sessions: Sessions
    port: int
    pid: int
    ids: Sequence[int]

    def say(self, ids: Sequence[int], first: str, second: str) -> None:
        """Let the model have said of some images that they are the first, or else the second category."""
        names = bundles.read(bundles.find("fashion-mnist")).categories
        scores = [{first: FIRST, second: SECOND}.get(name, 125) for name in names]
        said = {"category": first, "confidence": FIRST, "scores": str(scores), "ids": list(ids)}
        with self.sessions.begin() as session:
            session.execute(text(_CLASSIFY), said)
            session.execute(text(_TAG), said)


@contextmanager
def open_desk(images: int) -> Iterator[Desk]:
    """Serve so many images that wait for review."""
    with postgres() as server, temporary_folder("bench") as folder:
        url = server.new_database()
        engine = connect(url, pool_size=4)
        migrations.upgrade(engine)
        fill(url, Sizes(images, waits=False, all_flagged=True), lambda _: None)
        sessions = sessions_of(engine)
        _show(sessions, folder / "photographs", images)
        port = free_ports(1)[0]
        environment = environment_without_tagger() | {
            "TAGGER_DATABASE_URL": url,
            "TAGGER_IMAGE_CACHE": str(folder / "cache"),
            "TAGGER_PROBE_SHARE": "0",
            "TAGGER_DOUBLE_SHARE": "0",
        }
        child = spawn([TAGGER, "review", "--port", str(port)], folder / "review.log", env=environment, cwd=folder)
        wait_until(lambda: answers(Client(port, {})), "the review", 60, 0.1)
        with sessions() as session:
            ids = session.execute(text("SELECT object_id FROM image_tag ORDER BY object_id")).scalars().all()
        yield Desk(sessions, port, child.pid, ids)
        child.stop()
        engine.dispose()


def _show(sessions: Sessions, folder: Path, images: int) -> None:
    """Give the images of a catalogue photographs, and the model that tagged them the shipped bundle's name."""
    drawn = make(folder, min(DRAWN, images))
    for number in range(len(drawn), images):
        os.link(drawn[number % len(drawn)], folder / f"{number:07}.jpg")
    store, bundle = open_source(str(folder), S3Options()), bundles.read(bundles.find("fashion-mnist"))
    found = itertools.chain.from_iterable(store.list_pages())
    rows = [
        {"id": id, "bucket": store.bucket, "key": photograph.key, "token": photograph.version_token}
        for id, photograph in enumerate(found, 1)
    ]
    with sessions.begin() as session:
        session.execute(text(_FIND), rows)
        named = {"name": bundle.name, "version": bundle.version, "location": str(bundle.folder)}
        session.execute(
            text("UPDATE model_version SET name = :name, version = :version, location = :location WHERE id = 1"), named
        )
