"""What a training computes on, and in which arithmetic."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from model.training import device
from tests.bundles import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def test_bfloat16_is_used_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "flags : avx2 avx512_bf16 amx_tile")
    with_it = device.computing_dtype()
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "flags : avx2 fma")

    assert (with_it, device.computing_dtype()) == ("mixed_bfloat16", "float32")


def test_a_gpu_that_keras_computes_on_is_named_and_used_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "flags : avx2 fma")
    devices = [SimpleNamespace(platform=kind, device_kind=f"a {kind} of today") for kind in ("cpu", "gpu", "gpu")]
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(local_devices=lambda: devices))
    assert (device.machine().count("gpu"), device.computing_dtype()) == (0, "float32")

    monkeypatch.setattr("keras.backend.backend", lambda: "jax")

    assert device.machine().endswith(" cores, a gpu of today")
    assert device.computing_dtype() == "mixed_bfloat16"
