"""A run without workers takes over at once from a process that was killed, and waits for one that lives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.tagging.holders import Holder
from stack.processes import wait_until
from tests.conftest import ROOT
from tests.e2e.deployment import Deployment
from tests.e2e.drawn import blob

CLAIM_AND_HANG = """
import sys, time
from pathlib import Path
from cli.tagging.holders import Holder
from db.queue import claims
from db.session import connect, sessions_of

holder = Holder(Path(sys.argv[1]))
if Path(sys.argv[1]).exists():
    with sessions_of(connect(f"sqlite:///{sys.argv[1]}")).begin() as session:
        model = claims.next_model(session, "ops")
        assert claims.claim(session, queue="ops", model_version_id=model, owner=holder.owner, limit=100)
print(holder.owner, flush=True)
time.sleep(3600)
"""


@contextmanager
def another_process(catalogue: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a process that holds all images of a catalogue, if there is one; yield it and the owner of its leases."""
    command = [sys.executable, "-c", CLAIM_AND_HANG, str(catalogue)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_run_says_until_when_another_holds_its_images_and_takes_over_when_that_dies(tmp_path: Path) -> None:
    embedded = Deployment(tmp_path)
    for number in range(5):
        blob(tmp_path / "photos" / f"{number}.jpg", number)
    embedded.json("scan", "photos")

    with another_process(tmp_path / "tagger.db") as (process, owner):
        running = embedded.start("run", "photos")
        wait_until(lambda: "holds what is left" in running.tail(), "the run to say what it waits for", 120)
        assert f"tagger: {':'.join(owner.split(':')[:2])} holds" in running.tail()
        process.kill()
        process.wait()

    assert running.wait(timeout_s=150) == 0  # the lease is 180 s
    assert embedded.json("status")["items"] == {"done": 5}


def test_only_an_owner_whose_byte_is_free_is_dead(tmp_path: Path) -> None:
    mine = Holder(tmp_path / "catalogue.db")
    with another_process(tmp_path / "catalogue.db") as (process, other):
        host, pid, _, byte = other.split(":")

        assert not mine._is_dead(other)
        assert not mine._is_dead(mine.owner)
        process.kill()
        process.wait()
        assert mine._is_dead(other)
        assert not mine._is_dead(f"{host}:{pid}:another:{byte}")
        assert not mine._is_dead(f"{host}:{pid}")
    mine.close()


def test_without_a_file_nobody_is_known_to_be_dead(tmp_path: Path) -> None:
    closed = Holder(tmp_path / "missing" / "catalogue.db")

    assert closed.owner.count(":") == Holder(None).owner.count(":") == 1
    assert not closed._is_dead("host:1:kernel:1")
