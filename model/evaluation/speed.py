"""The speed of LiteRT, the runtime of the workers, on this machine."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from model.runtimes import BATCH, LiteRT

IMAGES = 2048  # of a pass
PASSES = 5
VNNI = frozenset({"avx512_vnni", "avx_vnni"})
"""Flags in Linux's /proc/cpuinfo of processors with instructions that multiply and add int8 at once."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians over several passes on one thread, by the clock and by the thread's own CPU time.

    CPU time does not grow with other work on the machine. `vnni` is None where the system does not say.
    """

    images_per_second: float
    images_per_cpu_second: float
    machine: str
    vnni: bool | None

    def as_json(self) -> dict[str, Any]:
        """Return the figures, rounded, and the machine."""
        return {
            "images_per_second": round(self.images_per_second),
            "images_per_cpu_second": round(self.images_per_cpu_second),
            "threads": 1,
            "machine": self.machine,
            "vnni": self.vnni,
        }


def measure(folder: Path, images: npt.NDArray[np.uint8]) -> Speed:
    """Time the network in a bundle's folder on whole batches of uint8[N, H, W, C]."""
    runtime = LiteRT(folder / "model.tflite", threads=1)
    count = max(1, min(len(images), IMAGES) // BATCH) * BATCH
    chosen = np.resize(images, (count, *images.shape[1:]))
    runtime.run(chosen[:BATCH])
    seconds, cpu_seconds = zip(*(_timed(runtime, chosen) for _ in range(PASSES)), strict=True)
    return Speed(count / median(seconds), count / median(cpu_seconds), *processor())


def _timed(runtime: LiteRT, images: npt.NDArray[np.uint8]) -> tuple[float, float]:
    started, started_cpu = time.perf_counter(), time.process_time()
    runtime.run(images)
    return time.perf_counter() - started, max(time.process_time() - started_cpu, 1e-6)


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, bool | None]:
    """Return the processor's name with the number of cores, and whether it has VNNI."""
    cores = f"{os.cpu_count()} cores"
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()}, {cores}", None
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set(facts.get("flags", "").split())
    return f"{facts.get('model name', platform.machine())}, {cores}", bool(flags & VNNI) if flags else None
