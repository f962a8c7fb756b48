"""Is there memory enough for a training? Asked before it starts, not found out by the kernel's killer."""

import math
from pathlib import Path
from typing import Any

from model import ModelError

FRAMEWORK_BYTES = 900_000_000
"""TensorFlow itself, its thread pools and the optimizer's code, as measured after a first step."""
KEPT_PER_ACTIVATION = 3
"""Times an activation is held at the peak of a step: forward, backward and convolution's own scratch memory."""


class MemoryShort(ModelError):
    """A training would need more memory than there is; the message says how much, and what to do."""


def check(model: Any, batch: int, data_bytes: int) -> None:
    """Raises MemoryShort when training `model` on batches of `batch` images needs more than is available."""
    needed, there = needed_bytes(model, batch, data_bytes), available_bytes()
    if there is not None and needed > there:
        raise MemoryShort(
            f"training needs about {needed / 1e9:.1f} GB of memory and {there / 1e9:.1f} GB are free:"
            " stop other programs, or choose a smaller network with --network"
        )


def needed_bytes(model: Any, batch: int, data_bytes: int) -> int:
    """An estimate, on the high side."""
    activations = sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    floats = KEPT_PER_ACTIVATION * batch * activations + 3 * int(model.count_params())
    return int(FRAMEWORK_BYTES + 2 * data_bytes + 4 * floats)


def available_bytes() -> int | None:
    """What this process may still take: the machine's free memory, or its container's; None where nothing tells."""
    known = [room for room in (_of_machine(), _of_container()) if room is not None]
    return min(known) if known else None


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None


def _of_container() -> int | None:
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used) if limit.isdigit() else None
