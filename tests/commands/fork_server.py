"""PROCESS that has imported the product and opened nothing, and forks for each `tagger` command.

It reads requests from the socket whose number is its argument: JSON, with four descriptors, the command's three
streams and a socket on which it tells that it begins and this process how it ended. This process ends when nobody
holds the other end of its socket.
"""

import gc
import json
import os
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

# Not `worker.service`: its flags are memory that forked processes would share. Nothing here starts a thread.
PRELOADED = (
    "cli.app",
    "cli.exporting",
    "cli.progress",
    "cli.tagging.follow",
    "cli.tagging.left_open",
    "cli.tagging.model_hint",
    "db.migrations",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
    "celery.apps.worker",
    "celery.events.receiver",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.control",
    "kombu.transport.redis",
    "worker.broker.pool",
    "worker.celery",
    "worker.tagging",
    "scheduler.service",
    "model.classifier",
    "ai_edge_litert.interpreter",
    "worker.storage.folder",
    "worker.storage.s3",
    "psutil",
)


@dataclass
class Running:
    """A forked command and the socket on which its status is awaited."""

    pid: int
    waiting: socket.socket


def serve(requests: socket.socket) -> bool:
    """Fork for each request. Return True in a forked process, and False in this one, at the end."""
    running: dict[int, Running] = {}
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready in running:
                poll.unregister(ready)
                _report(ready, running.pop(ready))
                continue
            message, descriptors, *_ = socket.recv_fds(requests, 1 << 20, 4)
            if not message:
                return False
            *streams, answer = descriptors
            waiting = socket.socket(fileno=answer)
            pid = os.fork()
            if pid == 0:
                become(json.loads(message), streams)
                waiting.send(b"begun %d" % os.getpid())
                _close(requests, waiting, running)
                return True
            for stream in streams:
                os.close(stream)
            running[pidfd := os.pidfd_open(pid)] = Running(pid, waiting)
            poll.register(pidfd, select.POLLIN)


def _report(pidfd: int, ended: Running) -> None:
    _, status = os.waitpid(ended.pid, 0)
    os.close(pidfd)
    with suppress(OSError):  # nobody waits any more
        ended.waiting.send(b"ended %d" % os.waitstatus_to_exitcode(status))
    ended.waiting.close()


def _close(requests: socket.socket, waiting: socket.socket, running: dict[int, Running]) -> None:
    """Leave a forked process what a started one has: no descriptor but its streams."""
    requests.close()
    waiting.close()
    for pidfd, other in running.items():
        os.close(pidfd)
        other.waiting.close()


def _take(streams: list[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = sys.__stdin__ = _text(0, "r", sys.stdin)
    sys.stdout = sys.__stdout__ = _text(1, "w", sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w", sys.stderr)  # type: ignore[misc]


def _text(number: int, mode: str, former: Any) -> TextIOWrapper:
    """Open a stream as the interpreter does when it starts."""
    opened = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 -- as long as the process
    lines = number == 2 or os.isatty(number)
    return TextIOWrapper(opened, former.encoding, former.errors, newline="\n", line_buffering=lines)


def become(command: dict[str, Any], streams: list[int]) -> None:
    """Be as a process is that was started with these arguments, environment, folder and streams."""
    _take(streams)
    if command["new_session"]:
        os.setsid()
    os.environ.clear()
    os.environ.update(command["environment"])
    time.tzset()
    os.chdir(command["folder"])
    sys.argv = command["arguments"]
    sys.path[0] = str(Path(sys.argv[0]).parent)


def main() -> None:
    """Import, serve, and be a command where forked for one."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()  # what was imported is no garbage: no forked process looks through it again
    if serve(requests):
        from cli.app import main as tagger

        sys.exit(tagger())  # type: ignore[func-returns-value]


if __name__ == "__main__":
    main()
