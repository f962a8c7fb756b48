"""A check that a training fits into memory, made before it starts, so that the kernel does not end it."""

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
    """Raise MemoryShort when training `model` on batches of `batch` images needs more than is available."""
    needed, available = needed_bytes(model, batch, data_bytes), available_bytes()
    if available is not None and needed > available:
        raise MemoryShort(
            f"training needs about {needed / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are free:"
            " stop other programs, or choose a smaller network with --network"
        )


def needed_bytes(model: Any, batch: int, data_bytes: int) -> int:
    """Estimate, on the high side, what a training needs."""
    activations = sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    floats = KEPT_PER_ACTIVATION * batch * activations + 3 * int(model.count_params())
    return int(FRAMEWORK_BYTES + 2 * data_bytes + 4 * floats)


def available_bytes() -> int | None:
    """Return the free memory of the machine, or of its container if that is less; None where it is unknown."""
    limits = [limit for limit in (_of_machine(), _of_container()) if limit is not None]
    return min(limits) if limits else None


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    available = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return available[0] if available else None


def _of_container() -> int | None:
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used) if limit.isdigit() else None
