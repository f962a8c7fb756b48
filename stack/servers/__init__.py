"""Valkey, PostgreSQL and SeaweedFS from wheels, for tests, `make stack` and `make bench`: no Docker, no apt.

    with valkey() as broker, postgres() as database, seaweed() as store:
        broker.url              redis://127.0.0.1:…/0, nothing persistent, noeviction
        database.new_database() postgresql+psycopg://… of a new, empty database
        store.url               the S3 endpoint; store.access_key_id, store.secret_access_key, store.new_bucket()

Each has `kill()` (SIGKILL), `stop()` (as an operator would), `start()` and `restart()`, always on the same port.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from stack.processes import temporary_folder
from stack.servers.base import Server
from stack.servers.redis_server import Valkey
from stack.servers.s3_server import Seaweed
from stack.servers.sql_server import Postgres

__all__ = ["Postgres", "Seaweed", "Server", "Valkey", "postgres", "seaweed", "valkey"]


@contextmanager
def valkey(*, password: str = "") -> Iterator[Valkey]:
    """Run a Valkey server for the block."""
    with temporary_folder("valkey") as folder, Valkey(folder, password) as server:
        yield server


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server for the block; as another user when this one is root, whom it refuses."""
    with temporary_folder("postgres", open_to_all=os.geteuid() == 0) as folder, Postgres(folder) as server:
        yield server


@contextmanager
def seaweed() -> Iterator[Seaweed]:
    """Run an S3 server for the block."""
    with temporary_folder("seaweed") as folder, Seaweed(folder) as server:
        yield server
