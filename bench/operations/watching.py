"""A watch over one piece of work: its seconds, this process's CPU and memory, and the statements that it sends."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import psutil
from sqlalchemy import Engine, event

from bench.measure import own_peak_mb

T = TypeVar("T")


@dataclass
class Measured:
    """What was seen of a piece of work. `database_cpu_s` is that of the server's processes, for all who use it."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    database_cpu_s: float = 0.0
    statements: int = 0
    longest_s: float = 0.0
    peak_mb: float = 0.0


@dataclass
class Watch:
    """What has been measured so far, by name."""

    engine: Engine
    server_pid: int | None
    seen: dict[str, Measured] = field(default_factory=dict)

    def measure(self, name: str, work: Callable[[], T]) -> T:
        """Do this work, and keep what was seen of it."""
        print(f"{name} …", file=sys.stderr, flush=True)
        measured = self.seen[name] = Measured()
        began, cpu, server = time.perf_counter(), time.process_time(), self._server_cpu_s()
        with _statements(self.engine, measured):
            result = work()
        measured.seconds, measured.cpu_s = time.perf_counter() - began, time.process_time() - cpu
        measured.database_cpu_s, measured.peak_mb = self._server_cpu_s() - server, own_peak_mb()
        return result

    def as_json(self) -> dict[str, dict[str, float]]:
        return {
            name: {key: round(value, 3) for key, value in asdict(measured).items()}
            for name, measured in self.seen.items()
        }

    def _server_cpu_s(self) -> float:
        if self.server_pid is None:
            return 0.0
        server = psutil.Process(self.server_pid)  # which counts those of its processes that have ended
        return float(sum(server.cpu_times()[:4]) + sum(sum(child.cpu_times()[:2]) for child in server.children()))


@contextmanager
def _statements(engine: Engine, measured: Measured) -> Iterator[None]:
    begun: dict[int, float] = {}

    def before(_: Any, cursor: Any, *__: Any) -> None:
        begun[id(cursor)] = time.perf_counter()

    def after(_: Any, cursor: Any, *__: Any) -> None:
        measured.statements += 1
        measured.longest_s = max(measured.longest_s, time.perf_counter() - begun.pop(id(cursor)))

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
