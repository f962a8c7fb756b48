"""The two runtimes: their outputs beside each other, and what they print."""

import contextlib
import os

import numpy as np
import pytest

from model.runtimes import TIE, Outputs, without_startup_lines


@pytest.mark.parametrize(("differing", "gap", "disagreements"), [(4, TIE * 2, 4), (4, TIE / 2, 0), (0, 3.0, 0)])
def test_a_disagreement_counts_only_where_the_reference_is_no_tie(
    differing: int, gap: float, disagreements: int
) -> None:
    reference = np.tile(np.array([gap, 0.0], np.float32), (10, 1))
    logits = reference.copy()
    logits[:differing] = [0.0, 1.0]

    assert Outputs(logits, np.zeros((10, 0), np.float32), reference).disagreements == disagreements


def test_start_up_lines_of_native_code_are_dropped_and_all_other_lines_pass(capfd: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(KeyError), without_startup_lines():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nan error\n")
        raise KeyError

    os.write(2, b"a later line\n")

    assert capfd.readouterr().err == "an error\na later line\n"
