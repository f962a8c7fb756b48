"""Monitors of others beside workers: plain Celery, Flower and prometheus-exporter-celery, as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import redis

from stack.processes import Child, free_ports, spawn

MONITOR = Path(__file__).parent / "monitor.py"
EXPORTER = Path(sys.prefix) / "monitors"
"""Where `make monitors` puts the exporter: it wants an older redis-py, so it cannot be installed beside us."""


def monitor(url: str, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, MONITOR, url, what], stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate(timeout=150)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


class Page:
    """A monitor that answers on a port."""

    def __init__(self, folder: Path, name: str, command: Callable[[int], list[str]], **environment: str) -> None:
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        self.process: Child = spawn(
            [sys.executable, *command(port)], folder / f"{name}.log", env=environment, cwd=folder
        )

    def get(self, path: str) -> str:
        """Return what it answers, "" while it does not."""
        assert self.process.alive, self.process.tail()
        try:
            with urlopen(self.url + path, timeout=10) as answer:
                return str(answer.read().decode())
        except (URLError, ConnectionError):
            return ""


def flower(folder: Path, broker: str) -> Page:
    def command(port: int) -> list[str]:
        return ["-m", "celery", "--broker", broker, "flower", f"--port={port}", "--address=127.0.0.1"]

    return Page(folder, "flower", command, FLOWER_UNAUTHENTICATED_API="true")


def exporter(folder: Path, broker: str) -> Page | None:
    """Start the exporter, if it is installed."""
    if not EXPORTER.is_dir():
        return None
    path = os.pathsep.join([str(EXPORTER), os.environ.get("PYTHONPATH", "")])

    def command(port: int) -> list[str]:
        start = "from src.cli import cli; cli()"  # its package has no entry point
        return ["-c", start, f"--broker-url={broker}", f"--port={port}", "--host=127.0.0.1"]

    return Page(folder, "exporter", command, PYTHONPATH=path)


@contextmanager
def overheard(broker: str) -> Iterator[list[str]]:
    """Listen to all that is published in a Redis, in any of its databases; yield the channels, as it comes."""
    channels: list[str] = []
    client = redis.Redis.from_url(broker)
    with client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.psubscribe("*")
        stopped = threading.Event()

        def listen() -> None:
            while not stopped.is_set():
                message = subscription.get_message(timeout=0.2)
                if message:
                    channels.append(message["channel"].decode())

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield channels
        finally:
            stopped.set()
            thread.join()
    client.close()
