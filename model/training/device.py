"""The device a training computes on, a processor or a GPU, and the arithmetic in which that is fast."""

import contextlib
import importlib
import os
import platform
from pathlib import Path
from typing import Any

from model.runtimes import without_startup_lines


def import_tensorflow() -> None:
    """Import TensorFlow, if it is installed, without its start-up lines; call it before any other import of Keras.

    oneDNN's convolutions are used on any processor (docs/research/experiments.md).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with without_startup_lines(), contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("tensorflow")


def computing_dtype() -> str:
    """Return mixed_bfloat16 on a GPU or a processor that multiplies it itself, else float32: emulated, it is slower."""
    return "mixed_bfloat16" if _gpus() or _processor_has_bfloat16() else "float32"


def machine() -> str:
    """Describe processor and GPU in words that do not identify a machine."""
    parts = [platform.machine(), f"{os.cpu_count()} cores", *(gpu.device_kind for gpu in _gpus())]
    return ", ".join(parts)


def _gpus() -> list[Any]:
    """List the GPU that Keras computes on; TensorFlow is installed here for processors alone."""
    import keras

    if keras.backend.backend() != "jax":
        return []
    import jax

    return [device for device in jax.local_devices() if device.platform == "gpu"][:1]  # all that one training uses


def _processor_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
