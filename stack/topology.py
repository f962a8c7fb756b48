"""The topology of docker-compose.yml without Docker: three servers from wheels and the `tagger` processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack.processes import Child, spawn, wait_until
from stack.servers import Postgres, Seaweed, Valkey, postgres, seaweed, valkey

TAGGER = Path(sys.executable).with_name("tagger")
GRACE_S = 90.0
"""How long a worker has after SIGTERM to give back or finish what it holds."""


@dataclass
class Topology:
    """Running servers, a bucket, and the TAGGER_* variables that every process gets."""

    folder: Path
    broker: Valkey
    database: Postgres
    store: Seaweed
    bucket: str
    environment: dict[str, str]
    processes: dict[str, Child] = field(default_factory=dict)

    def tagger(self, *arguments: str, timeout_s: float = 3600) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; its errors go to our own stderr."""
        return subprocess.run(
            [TAGGER, *arguments],
            env=self.process_environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(self, name: str, *arguments: str) -> Child:
        """Start `tagger …` as the process `name`; its output is in `folder`/name.log."""
        command: list[str | Path] = [TAGGER, *(arguments or (name,))]
        child = spawn(command, self.folder / f"{name}.log", env=self.process_environment(), cwd=self.folder)
        self.processes[name] = child
        return child

    def wait_for_workers(self, slots: int, timeout_s: float = 60) -> None:
        """Wait until so many worker children have announced themselves in the catalogue."""
        wait_until(lambda: self._slots() >= slots, "the workers to announce themselves", timeout_s, every_s=0.5)

    def _slots(self) -> int:
        dead = [name for name, child in self.processes.items() if not child.alive]
        if dead:
            raise RuntimeError(f"{dead[0]} ended\n{self.processes[dead[0]].tail()}")
        status = json.loads(self.tagger("status", "--json").stdout)
        return sum(int(worker["slots"]) for worker in status["workers"])

    def stop(self) -> None:
        """Send SIGTERM to every process, workers first, and let them finish what they hold."""
        for name in sorted(self.processes, reverse=True):
            self.processes[name].stop(GRACE_S)

    def process_environment(self) -> dict[str, str]:
        """Return the environment of every process of the topology."""
        return environment_without_tagger() | self.environment


@contextmanager
def topology(folder: Path, bucket: str, extra: Mapping[str, str]) -> Iterator[Topology]:
    """Start the servers, make bucket and tables; stop everything at the end of the block."""
    with ExitStack() as stack:
        broker = stack.enter_context(valkey())
        database = stack.enter_context(postgres())
        store = stack.enter_context(seaweed())
        store.client().create_bucket(Bucket=bucket)
        environment = {
            "TAGGER_DATABASE_URL": database.new_database(),
            "TAGGER_BROKER_URL": broker.url,
            "TAGGER_SOURCE": f"s3://{bucket}/",
            **store.environment(),
            **extra,
        }
        running = Topology(folder, broker, database, store, bucket, environment)
        if running.tagger("db", "upgrade").returncode:
            raise RuntimeError("`tagger db upgrade` failed; its message is above")
        stack.callback(running.stop)
        yield running


def environment_without_tagger() -> dict[str, str]:
    """Return this process's environment without the TAGGER_* settings that a user has exported."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TAGGER_")}
