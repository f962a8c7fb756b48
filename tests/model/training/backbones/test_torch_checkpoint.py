"""Checkpoints are read without PyTorch; what is foreign, damaged or malicious is refused, and nothing of it runs."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from model.training.backbones.torch_checkpoint import CheckpointRefused, read
from tests.model import checkpoints as made
from tests.model.checkpoints import checkpoint, tensor


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


class Malicious:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def refused(file: Path, content: bytes) -> str:
    """Return the message of the refusal."""
    file.write_bytes(content)
    with pytest.raises(CheckpointRefused) as refusal:
        read(file)
    assert str(file) in str(refusal.value)
    return str(refusal.value)


def test_tensors_come_with_their_names_and_shapes(file: Path) -> None:
    file.write_bytes(checkpoint())

    arrays = read(file)

    assert list(arrays) == ["weight"]
    assert arrays["weight"].dtype == np.float32
    np.testing.assert_array_equal(arrays["weight"], [[0, 1, 2], [3, 4, 5]])


def test_values_may_lie_in_another_order(file: Path) -> None:
    """As those do that were converted from TensorFlow."""
    file.write_bytes(checkpoint(tensor((3, 2), (1, 3))))

    np.testing.assert_array_equal(read(file)["weight"], [[0, 3], [1, 4], [2, 5]])


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("place", range(5))
def test_nothing_that_a_checkpoint_asks_for_is_run(file: Path, tmp_path: Path, place: int, protocol: int) -> None:
    parts = [made.MAGIC, made.PROTOCOL, made.MACHINE, made.state(weight=made.ORDERLY), made.keys("7")]
    parts[place] = pickle.dumps(Malicious(tmp_path / "made"), protocol)

    message = refused(file, b"".join(parts) + made.storage())

    assert not (tmp_path / "made").exists()
    assert "asks for" in message


@pytest.mark.parametrize(
    "asked",
    [
        b"cos\nsystem\n",
        b"cbuiltins\neval\n",
        b"ctorch\nload\n",
        b"ctorch._utils\n_rebuild_parameter\n",
        b"ccollections\nOrderedDict.__class__\n",
        b"\x8c\x02os\x8c\x06system\x93",
        b"(ios\nsystem\n",
        b"\x82\x01",
        b"Pname\n",
        b"ccollections\nOrderedDict\n)\x81",
    ],
)
def test_only_four_names_and_few_opcodes_are_known(file: Path, asked: bytes) -> None:
    assert "asks for" in refused(file, checkpoint(asked + made.text("true") + b"\x85R"))


def test_what_is_no_such_checkpoint_is_refused(file: Path) -> None:
    assert "newer zip format" in refused(file, b"PK\x03\x04" + bytes(100))
    assert "over" in refused_sparse(file)
    for foreign in (b"", b"\xff\xd8\xff\xe0JFIF", b"a,b\n1,2\n", json.dumps({"a": 1}).encode(), pickle.dumps([1], 2)):
        refused(file, foreign)


def refused_sparse(file: Path) -> str:
    with file.open("wb") as sink:
        sink.truncate(300 * 2**20)
    with pytest.raises(CheckpointRefused) as refusal:
        read(file)
    file.unlink()
    return str(refusal.value)


def test_a_cut_is_noticed_wherever_it_is(file: Path) -> None:
    whole = checkpoint()

    for length in range(len(whole)):
        refused(file, whole[:length])


@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")  # of pickletools, on a damaged string
def test_damage_is_refused_or_harmless(file: Path) -> None:
    random = np.random.default_rng(1)
    whole = np.frombuffer(checkpoint(), np.uint8)

    for _ in range(400):
        damaged = whole.copy()
        damaged[random.integers(len(whole), size=2)] = random.integers(256, size=2)
        file.write_bytes(damaged.tobytes())
        try:
            arrays = read(file)
        except CheckpointRefused:
            continue
        assert all(array.size <= 6 for array in arrays.values())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (checkpoint(tensor((2, 4), (4, 1))), "beyond"),
        (checkpoint(tensor((2, 3), (3, 1), offset=1)), "beyond"),
        (checkpoint(tensor((2, 3), (3, 1), offset=-1)), "beyond"),
        (checkpoint(tensor((2, 3), (-3, 1))), "beyond"),
        (checkpoint(tensor((2**30, 2**30), (0, 0))), "beyond"),
        (checkpoint(tensor((2, 3), (1,))), "no PyTorch checkpoint"),
        (checkpoint(tensor((2, 3), (3, 1), count=7)), "contradicts"),
        (checkpoint(keys_=made.keys("8")), "other storages"),
        (checkpoint(keys_=made.keys("7", "7"), values=made.storage() * 2), "other storages"),
        (checkpoint() + b"\x00", "goes on"),
        (checkpoint(b"N"), "more than tensors"),
        (checkpoint(b"N\x72\xff\xff\xff\x7f"), "more memory"),
        (checkpoint(b"(" * 300_000), "too many parts"),
        (checkpoint().replace(b"little_endian\x88", b"little_endian\x89"), "big-endian"),
    ],
)
def test_what_contradicts_itself_is_refused(file: Path, content: bytes, why: str) -> None:
    assert why in refused(file, content)
