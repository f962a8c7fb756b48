"""Ctrl-C and SIGTERM before anything is tagged: exit code 130, one line, and the same command continues."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.processes import Child, wait_until
from tests.conftest import SAMPLES
from tests.e2e.deployment import Deployment, rows_of
from tests.faults.s3_server import LISTING, Fault, FaultyS3

MANY = 10_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder whose listing takes a while."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(MANY):
        (folder / f"{number:05}.jpg").touch()
    return folder


@pytest.fixture
def slow_server() -> Iterator[FaultyS3]:
    """Serve three photographs in a bucket."""
    with FaultyS3() as server:
        for file in sorted(SAMPLES.glob("*.png"))[:3]:
            server.put(file.name, file.read_bytes())
        yield server


def interrupt(running: Child, number: signal.Signals) -> str:
    """Return the one line that the command ends with, within seconds."""
    running.process.send_signal(number)
    begun = time.monotonic()
    assert running.wait(timeout_s=30) == 130, running.tail()
    assert time.monotonic() - begun < 5
    assert "Traceback" not in running.tail()
    return [line for line in running.tail().splitlines() if line.startswith("tagger: stopped")][-1]


def seen(deployment: Deployment) -> int:
    """Count the images in the catalogue, which may have no tables yet."""
    return rows_of("source_object", deployment)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_a_large_folder_is_listed(embedded: Deployment, many: Path, number: signal.Signals) -> None:
    running = embedded.start("run", str(many))
    wait_until(lambda: seen(embedded) > 0, "the first page of the listing", 60)

    line = interrupt(running, number)
    before = seen(embedded)
    rest = embedded.json("scan", many)

    assert line == "tagger: stopped. Run the same command again to continue."
    assert before < MANY
    assert rest["seen"] == seen(embedded) == MANY
    assert embedded.clean()


@pytest.mark.parametrize(
    ("answered", "number"), [(0, signal.SIGINT), (1, signal.SIGTERM)], ids=["at the start", "while listing"]
)
def test_while_a_bucket_does_not_answer(
    embedded: Deployment, slow_server: FaultyS3, answered: int, number: signal.Signals
) -> None:
    embedded.settings |= {
        "TAGGER_S3_ENDPOINT_URL": slow_server.url,
        "TAGGER_S3_ACCESS_KEY_ID": "key",
        "TAGGER_S3_SECRET_ACCESS_KEY": "secret",
    }
    slow_server.script(LISTING, *[Fault()] * answered, Fault(stall_after=10))
    running = embedded.start("run", "s3://photos/")
    wait_until(lambda: slow_server.requests == ["list"] * (answered + 1), "the listing that stalls", 60)

    line = interrupt(running, number)
    tagged = embedded.json("run", "s3://photos/")["tagged"]

    assert line == "tagger: stopped. Run the same command again to continue."
    assert tagged == 3
    assert embedded.clean()


def test_a_command_that_has_not_come_to_its_work_yet_ends_in_a_line(embedded: Deployment) -> None:
    running = embedded.start("run", str(SAMPLES))
    wait_until(lambda: handles(running, signal.SIGTERM), "the command to begin", 60, 0.01)

    running.process.send_signal(signal.SIGTERM)

    assert running.wait(timeout_s=60) == 130
    assert running.tail().startswith("tagger: stopped")
    assert running.tail().count("\n") == 1


def handles(child: Child, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for a signal."""
    status = Path(f"/proc/{child.pid}/status").read_text(encoding="utf-8")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)
