"""What a training computes on: a processor or a GPU, and the arithmetic in which that is quick."""

import os
import platform
from pathlib import Path
from typing import Any


def computing_dtype() -> str:
    """mixed_bfloat16 on a GPU or a processor that multiplies it itself, else float32: emulated, it is slower."""
    return "mixed_bfloat16" if _gpus() or _processor_has_bfloat16() else "float32"


def machine() -> str:
    """Processor and GPU, in words that name no one's machine."""
    parts = [platform.machine(), f"{os.cpu_count()} cores", *(each.device_kind for each in _gpus())]
    return ", ".join(parts)


def _gpus() -> list[Any]:
    """Those that Keras computes on; TensorFlow is installed here for processors alone."""
    import keras

    if keras.backend.backend() != "jax":
        return []
    import jax

    return [each for each in jax.local_devices() if each.platform == "gpu"][:1]  # all that one training uses


def _processor_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
