"""A re-run of some images while a night goes on, over Redis, PostgreSQL and a real worker: how long it takes."""

import json
import time
from typing import Any

from sqlalchemy import select

from bench.images import make_small
from db.schema import ImageTag, SourceObject
from db.session import connect, reading, sessions_of
from stack.processes import temporary_folder, wait_until
from stack.topology import Topology, topology

AGAIN = 100
TARGET_S = 15.0
CHILDREN = 2


def measure(night: int) -> dict[str, Any]:
    """Tag a folder of so many small images, and some of them again in the middle; return what that took."""
    with temporary_folder("bench") as folder:
        photographs = folder / "photographs"
        make_small(photographs, night)
        with topology(folder, "bench", {"TAGGER_SOURCE": str(photographs)}) as running:
            running.start("worker", "worker", "--concurrency", str(CHILDREN))
            running.start("scheduler")
            running.wait_for_workers(CHILDREN)
            return _measure(running, night)


def _measure(running: Topology, night: int) -> dict[str, Any]:
    opened = running.tagger("nightly")
    assert opened.returncode == 0, opened
    sessions = sessions_of(connect(running.environment["TAGGER_DATABASE_URL"], pool_size=1))

    def tagged() -> list[str]:
        with reading(sessions) as session:
            some = select(SourceObject.key).join(ImageTag, ImageTag.object_id == SourceObject.id).limit(AGAIN)
            return list(session.execute(some).scalars())

    wait_until(lambda: len(tagged()) == AGAIN, "the night to begin", 600, every_s=0.5)
    keys = running.folder / "keys"
    keys.write_text("\n".join(tagged()))
    began = time.perf_counter()
    done = running.tagger("reprocess", "--keys", str(keys), "--wait", "--why", "measured", "--json")
    seconds = time.perf_counter() - began
    again = json.loads(done.stdout.splitlines()[-1])
    of_night = json.loads(running.tagger("runs", "--json").stdout)[-1]
    return {
        "night": night,
        "again": again["tagged"],
        "seconds": round(seconds, 1),
        "night_open": of_night["open"],
        "missed": ["a re-run in a night"] if seconds > TARGET_S or not of_night["open"] else [],
    }
