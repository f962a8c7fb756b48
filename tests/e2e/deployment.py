"""A deployment as a user has it: the `tagger` command and worker processes on real servers."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine

from db.session import connect, reading, sessions_of
from db.status import status
from stack.processes import Child, spawn, wait_until
from tests.commands.forked import TAGGER, Forked, ended
from tests.db import templates


@dataclass
class Deployment:
    """Settings, a working folder, and the workers started in it.

    Commands are forked from a process that has imported the product; with `popen = subprocess.Popen` they are started
    as a user's are.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    popen: type[subprocess.Popen[Any]] = Forked

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TAGGER_")}
        return {**clean, **self.settings}

    def tagger(self, *arguments: str | Path, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """One `tagger` command, to its end."""
        return ended(self.begin(*arguments), timeout_s)

    def begin(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Begin a `tagger` command whose output is read by pipes."""
        return self.popen(
            [str(part) for part in (TAGGER, *arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(self, *arguments: str | Path) -> Any:
        """Return the JSON that a command prints; fail with its messages when it fails."""
        done = self.tagger(*arguments, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout.splitlines()[-1])

    def look(self) -> dict[str, Any]:
        """Return what `status` tells of the catalogue, at less cost than the command, to look again and again."""
        with self._engine() as engine, reading(sessions_of(engine)) as session:
            return status(session)

    def make_tables(self) -> None:
        """Make the catalogue in this folder, at less cost than `tagger db upgrade`."""
        templates.make_file(self.folder / "tagger.db")

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        engine = connect(self.settings.get("TAGGER_DATABASE_URL", f"sqlite:///{self.folder / 'tagger.db'}"))
        try:
            yield engine
        finally:
            engine.dispose()

    def start(self, *arguments: str) -> Child:
        """Start a long-lived `tagger` process."""
        log = self.folder / f"{arguments[0]}-{len(self.children)}.log"
        child = spawn([TAGGER, *arguments], log, env=self.settings, cwd=self.folder, popen=self.popen)
        self.children.append(child)
        return child

    def start_worker(self, concurrency: int = 1) -> Child:
        """Start a worker and wait for its heartbeat."""
        before = len(self.look()["workers"])
        worker = self.start("worker", "--concurrency", str(concurrency))
        wait_until(lambda: not worker.alive or len(self.look()["workers"]) > before, "a worker's heartbeat", 60, 0.1)
        assert worker.alive, worker.tail()
        return worker

    def clean(self) -> bool:
        """Whether `tagger verify` finds nothing."""
        done = self.tagger("verify")
        assert done.returncode == 0, done.stderr
        return True

    def stop(self) -> None:
        for child in self.children:
            child.stop(timeout_s=30)


def children_of(worker: Child) -> list[psutil.Process]:
    """Return the pool processes of a worker."""
    return psutil.Process(worker.pid).children()


def family_of(process: Child) -> list[psutil.Process]:
    """Return all processes below one, decoders too."""
    return psutil.Process(process.pid).children(recursive=True)


def rows_of(table: str, deployment: Deployment) -> int:
    """Count a table's rows beside the running command, more quickly than another command could."""
    file = deployment.folder / "tagger.db"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        except sqlite3.OperationalError:  # no tables yet
            return 0


def tagged(deployment: Deployment) -> int:
    """Count the images that have a tag."""
    return rows_of("image_tag", deployment)
