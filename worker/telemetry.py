"""Logs: constant event names with fields, on stderr, for people or for programs."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from db.queue.leases import ClaimedItem


def owner_of(pid: int) -> str:
    """Name a process of this host, as leases do."""
    return f"{socket.gethostname()}:{pid}"


def of_item(item: ClaimedItem) -> dict[str, object]:
    """Return the fields of a line about an item: its run, itself, and the worker that has it."""
    worker = owner_of(os.getpid())
    return {"run": item.run_id, "item": item.id, "worker": worker, "bucket": item.bucket, "key": item.key}


def configure(log_format: str = "text", *, quiet: bool = False) -> None:
    """Set up structlog for this process; `quiet` keeps only warnings, for commands that draw on the terminal."""
    renderer: structlog.typing.Processor
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_controls,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=_ToStderr,
        cache_logger_on_first_use=False,
    )


def _without_controls(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Spell out what is not printable, as a name of a file may hold codes that steer a terminal."""
    return {
        name: "\n".join(map(_printable, value.split("\n"))) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _printable(line: str) -> str:
    return line if line.isprintable() else line.encode("unicode_escape").decode()


class _ToStderr:
    """A logger that writes to whatever stderr is at that moment: a progress bar or a test may have replaced it.

    No process is forked in the middle of a line. Its child would find the lock taken by a thread that it does not have,
    and would wait for ever at its own first line, as it would with structlog's loggers.
    """

    _lock = threading.Lock()
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: str) -> None:
        """Write a line."""
        with self._lock:
            print(line, file=sys.stderr, flush=True)

    debug = info = warning = error = critical = msg
