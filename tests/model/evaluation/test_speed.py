"""The speed of a bundle, and the processor that it was measured on."""

from pathlib import Path

import pytest

from model.evaluation.speed import processor


@pytest.mark.parametrize(
    ("flags", "vnni"), [("fpu avx512_vnni", True), ("fpu avx_vnni", True), ("fpu avx2", False), (None, None)]
)
def test_the_processor_says_whether_it_has_vnni(tmp_path: Path, flags: str | None, vnni: bool | None) -> None:
    about = "model name\t: Some CPU\n" + (f"flags\t\t: {flags}\n" if flags else "")
    (tmp_path / "cpuinfo").write_text(about)

    name, has_vnni = processor(tmp_path / "cpuinfo")

    assert name.startswith("Some CPU, ")
    assert has_vnni is vnni
    assert processor(tmp_path / "nowhere")[1] is None
