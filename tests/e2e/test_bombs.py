"""A folder of good photographs with a bomb of each kind: the good ones are tagged, the bombs have a reason."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stack.processes import Child, wait_until
from stack.servers import Seaweed
from tests.e2e.bombs import bombs, photographs
from tests.e2e.deployment import Deployment, family_of

GOOD = 200
DEADLINE_S = 1.0
REASONS = {
    "scans.jpg": "corrupt",
    "slow.jpg": "too_slow",
    "runs.bmp": "too_slow",
    "claims.png": "too_many_pixels",
    "lossless.webp": "too_many_pixels",
    "cut.jpg": "corrupt",
}
"""Of the others each may be tagged, or have a reason: that depends on the machine."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return photographs(GOOD) | bombs()


@pytest.fixture(scope="module")
def folder(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return folder


def decoders(process: Child) -> list[psutil.Process]:
    return [child for child in family_of(process) if "model.images.decoder_process" in child.cmdline()]


def check(deployment: Deployment, files: dict[str, bytes]) -> None:
    """Every good photograph is tagged; each bomb is final."""
    failed = {row["key"]: row for row in deployment.json("failures")}

    assert not [key for key in failed if key.startswith("good/")]
    assert {row["state"] for row in failed.values()} <= {"skipped", "quarantined"}
    assert {key: failed[key]["reason"] for key in REASONS} == REASONS
    assert all(failed[key]["crashes"] == 3 for key in REASONS if REASONS[key] == "too_slow")
    assert set(failed) <= set(files)
    assert deployment.clean()


def follow(running: Child, workers: list[Child]) -> Iterator[int]:
    """Yield the greatest memory of any process below these, in bytes, while the command runs."""
    while running.alive:
        for process in [running, *workers]:
            for child in family_of(process) if process.alive else []:
                with suppress(OSError):  # it has ended
                    yield from peaks(Path(f"/proc/{child.pid}/status").read_text())
        time.sleep(0.1)


def peaks(status: str) -> list[int]:
    """Return the most memory that a process has held so far; nothing for one that is ending."""
    return [1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]


def test_in_one_process(embedded: Deployment, folder: Path, files: dict[str, bytes]) -> None:
    embedded.settings["TAGGER_IMAGE_DEADLINE_S"] = str(DEADLINE_S)
    begun = time.monotonic()
    running = embedded.start("run", str(folder), "--json")

    peak = max(follow(running, []))

    assert running.wait(timeout_s=120) == 1, running.tail()
    assert time.monotonic() - begun < 60 + 180
    print(f"{time.monotonic() - begun:.0f} s, {peak / 1e6:.0f} MB")
    assert peak < 300_000_000
    check(embedded, files)


def test_with_a_worker_over_redis_and_postgresql(
    distributed: Deployment, seaweed_server: Seaweed, files: dict[str, bytes]
) -> None:
    bucket = seaweed_server.new_bucket()
    client = seaweed_server.client()
    for key, data in files.items():
        client.put_object(Bucket=bucket, Key=key, Body=data)
    distributed.settings["TAGGER_IMAGE_DEADLINE_S"] = str(DEADLINE_S)
    worker = distributed.start_worker(2)
    begun = time.monotonic()
    running = distributed.start("run", f"s3://{bucket}", "--json")

    peak = max(follow(running, [worker]))

    assert running.wait(timeout_s=120) == 1, running.tail()
    assert time.monotonic() - begun < 60 + 6
    print(f"{time.monotonic() - begun:.0f} s, {peak / 1e6:.0f} MB")
    assert peak < 300_000_000
    check(distributed, files)
    assert worker.alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_within_seconds_whatever_it_decodes(
    embedded: Deployment, tmp_path: Path, files: dict[str, bytes], number: signal.Signals
) -> None:
    folder = tmp_path / "slow"
    folder.mkdir()
    for copy in range(6):
        (folder / f"{copy}.bmp").write_bytes(files["runs.bmp"])
    embedded.settings["TAGGER_IMAGE_DEADLINE_S"] = "60"
    running = embedded.start("run", str(folder))
    wait_until(lambda: sum(decoder.cpu_times().user for decoder in decoders(running)) > 2, "busy decoders", 60)
    family = family_of(running)

    running.process.send_signal(number)
    begun = time.monotonic()

    assert running.wait(timeout_s=30) == 130, running.tail()
    assert time.monotonic() - begun < 5
    assert "Traceback" not in running.tail()
    assert "6 images are left" in running.tail()
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert {row["crashes"] for row in embedded.json("failures")} <= {0}
