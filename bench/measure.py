"""CPU seconds and peak memory of processes, read from the kernel's counters while they run."""

import os
import platform
import resource
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from worker.settings import cores

_EVERY_S = 0.2
_MB = 1_000_000


@dataclass
class Usage:
    """Resources used by the processes of one name. `peak_mb` is the resident memory of the largest of them."""

    cpu_s: float = 0.0
    peak_mb: float = 0.0
    processes: int = 0

    def as_json(self) -> dict[str, float]:
        """Return the values for the benchmark's JSON line."""
        return {"cpu_s": round(self.cpu_s, 2), "peak_mb": round(self.peak_mb, 1), "processes": self.processes}


class Sampler:
    """Sampler of root processes and all their descendants during a `with` block.

    Descendants are counted under their root's name, those of the worker as `worker child`: a prefork worker's
    children do the work, its parent almost none.
    """

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = dict(roots)
        self._seen: dict[tuple[int, float], tuple[str, float, float, float]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def follow(self, name: str, pid: int) -> None:
        """Follow this process too, from now on."""
        self._roots = {**self._roots, name: pid}

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._look()

    def usage(self) -> dict[str, Usage]:
        """Return the usage by name. CPU counts from the first sample on, or from the start of a later process."""
        usages: dict[str, Usage] = {}
        for name, before, cpu_s, peak in self._seen.values():
            usage = usages.setdefault(name, Usage())
            usage.cpu_s += cpu_s - before
            usage.peak_mb = max(usage.peak_mb, peak / _MB)
            usage.processes += 1
        return usages

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._look()

    def _look(self) -> None:
        first = not self._seen
        for name, pid in self._roots.items():
            try:
                root = psutil.Process(pid)
                family = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            for process in family:
                is_child = name == "worker" and process.pid != pid
                self._note("worker child" if is_child else name, process, first)

    def _note(self, name: str, process: psutil.Process, first: bool) -> None:
        try:
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info().rss
                who = (process.pid, process.create_time())
        except psutil.NoSuchProcess:
            return
        cpu_s = times.user + times.system
        _, before, _, peak = self._seen.get(who, (name, cpu_s if first else 0.0, 0.0, 0.0))
        self._seen[who] = (name, before, cpu_s, max(peak, memory))


def machine() -> dict[str, Any]:
    """Describe the processor and memory; nothing that names the machine."""
    described = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in described.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
    }


def peak_mb(pid: int) -> float | None:
    """Return the peak memory of a process in MB, as Linux keeps it; None elsewhere."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024 / _MB if peaks else None


def own_peak_mb() -> float:
    """Return the peak memory of this process in MB.

    ru_maxrss survives exec, so in a child it is never less than its parent's.
    """
    kept = peak_mb(os.getpid())
    if kept is not None:
        return kept
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == "darwin" else peak * 1024) / _MB
