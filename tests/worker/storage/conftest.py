"""A server that misbehaves as it is told, and a store on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.processes import temporary_folder
from tests.faults.s3_server import FaultyS3
from tests.worker.storage.impatient import opened
from worker.storage.store import Store


@pytest.fixture
def server() -> Iterator[FaultyS3]:
    with FaultyS3() as server:
        yield server


@pytest.fixture
def store(server: FaultyS3) -> Store:
    return opened(server.url)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that nobody may enter as well as root, wherever TMPDIR lies."""
    with temporary_folder("store", open_to_all=os.geteuid() == 0) as folder:
        yield folder


@pytest.fixture
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore waits up to 8 s between its attempts; what is tested is that it makes them."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.01)
