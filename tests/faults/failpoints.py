"""A failpoint before and after every commit, send and acknowledgement of a small night, which is killed at each.

    python -m tests.faults.failpoints                    at each of them, on SQLite without a broker
    python -m tests.faults.failpoints --servers          at each of them, on PostgreSQL and Redis
    python -m tests.faults.failpoints --every 5 --json   at each fifth, ending in one JSON line

A night is counted once; then it is begun again in a new catalogue for each failpoint, in a process that kills itself
there. Another process completes what it left, and checks the invariants and that each image came to one end. All
processes are forks of this one, which has no connection open then, but statements that are compiled. Exit code 1 if
one night was not completed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from kombu import messaging
from kombu.message import Message
from sqlalchemy import event
from sqlalchemy.orm import Session

from db import migrations
from db.session import Sessions, connect, engine_of, sessions_of
from stack.processes import temporary_folder
from stack.servers import postgres, valkey
from tests.faults.small_night import KEYS, complete, night, what_is_wrong
from worker import telemetry


class Failpoints:
    """The failpoints that this process has passed, and the number of that at which it is to kill itself."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.passed: list[str] = []
        self._kill_at = kill_at
        event.listen(Session, "before_commit", lambda _: self._pass("before a commit"))
        event.listen(Session, "after_commit", lambda _: self._pass("after a commit"))
        self._around(messaging.Producer, "publish", "a send")
        self._around(Message, "ack", "an acknowledgement")

    def _around(self, owner: type, method: str, what: str) -> None:
        wrapped = getattr(owner, method)

        def around(*arguments: Any, **options: Any) -> Any:
            self._pass(f"before {what}")
            result = wrapped(*arguments, **options)
            self._pass(f"after {what}")
            return result

        setattr(owner, method, around)

    def _pass(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def in_fork(work: Callable[[], Any]) -> tuple[int, Any]:
    """Call this in a fork of the process; return the signal that ended it, or 0, and what it returned as JSON."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write_end, json.dumps(work()).encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001 -- nothing of the fork may go on in what called this
            traceback.print_exc()
            os._exit(1)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a process failed that was not to be killed; its traceback is above")
    return os.WTERMSIG(status), json.loads(said) if said else None


def begun(sessions: Sessions, broker: str, kill_at: int | None = None) -> list[str]:
    """Work off a whole night, until it is done or killed; return the failpoints that were passed."""
    failpoints = Failpoints(kill_at)
    night(sessions, broker)
    return failpoints.passed


def completed(sessions: Sessions, broker: str) -> list[str]:
    """Complete a night that was killed, and return what is wrong afterwards."""
    complete(sessions, broker)
    return what_is_wrong(sessions)


@dataclass
class Catalogues:
    """Catalogues one after the other, each new, at one address."""

    sessions: Sessions
    copy: Callable[[], None]

    def new(self) -> Sessions:
        """Put a new catalogue in the place of the last one."""
        engine_of(self.sessions).dispose()
        self.copy()
        return self.sessions


def on_sqlite(folder: Path) -> Catalogues:
    """Return catalogues that are copies of a file."""
    template, file = folder / "template.db", folder / "night.db"
    migrated(f"sqlite:///{template}")

    def copy() -> None:
        for old in folder.glob("night.db*"):
            old.unlink()
        shutil.copy(template, file)

    return Catalogues(sessions_of(connect(f"sqlite:///{file}")), copy)


def on_postgresql(template: str) -> Catalogues:
    """Return catalogues that are copies of a database, which is empty at first."""
    migrated(template)
    server, _, name = template.replace("+psycopg", "").rpartition("/")

    def copy() -> None:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}_night" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}_night" TEMPLATE "{name}" STRATEGY file_copy')

    return Catalogues(sessions_of(connect(f"{template}_night")), copy)


def migrated(url: str) -> None:
    engine = connect(url)
    migrations.upgrade(engine)
    engine.dispose()


def kill_at_each(catalogues: Catalogues, broker: str, every: int, first: int = 1) -> dict[str, Any]:
    """Kill a night at each failpoint, or at every n-th; return their names and what was wrong where."""
    bad: dict[str, list[str]] = {}
    if wrong := completed(catalogues.new(), broker):  # here, so that the forks find all imported and compiled
        bad["never killed"] = wrong
    _, names = in_fork(partial(begun, catalogues.new(), broker))
    chosen = range(first, len(names) + 1, every)
    for number in chosen:
        ended_by, _ = in_fork(partial(begun, catalogues.new(), broker, number))
        _, wrong = in_fork(partial(completed, catalogues.sessions, broker))
        if ended_by != signal.SIGKILL:
            wrong = [*wrong, "it was not killed"]
        if wrong:
            bad[f"{number}, {names[number - 1]}"] = wrong
    engine_of(catalogues.sessions).dispose()
    counts = {"images": len(KEYS), "failpoints": len(names), "killed": len(chosen)}
    return {**counts, "kinds": sorted(set(names)), "bad": bad}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", action="store_true", help="on PostgreSQL and Redis, from wheels")
    parser.add_argument("--database", help="an empty database of PostgreSQL, beside which another may be made")
    parser.add_argument("--broker", default="memory://", help="a Redis")
    parser.add_argument("--every", type=int, default=1, help="kill at every n-th failpoint only")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    options = parser.parse_args(arguments)
    telemetry.configure(quiet=True)
    began = time.monotonic()
    with ExitStack() as stack:
        if options.servers:
            options.database = stack.enter_context(postgres()).new_database()
            options.broker = stack.enter_context(valkey()).url
        if options.database:
            catalogues = on_postgresql(options.database)
        else:
            catalogues = on_sqlite(stack.enter_context(temporary_folder("failpoints")))
        result = kill_at_each(catalogues, options.broker, options.every, options.first)
    result["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))
    return 1 if result["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())
