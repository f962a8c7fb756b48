"""PyTorch checkpoints of the older format, made by hand, opcode by opcode (the standard library's `pickletools`)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
PROTOCOL = b"\x80\x02M\xe9\x03."
MACHINE = b"\x80\x02}" + b"X\x0d\x00\x00\x00little_endian" + b"\x88s."
VALUES = np.arange(6, dtype="<f4")


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def numbers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def tensor(shape: Sequence[int], strides: Sequence[int], *, offset: int = 0, key: str = "7", count: int = 6) -> bytes:
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
    storage += b"J" + struct.pack("<i", count) + b"NtQ"
    place = b"J" + struct.pack("<i", offset) + numbers(shape) + numbers(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + place + b"\x89ccollections\nOrderedDict\n)RtR"


def state(**tensors: bytes) -> bytes:
    items = b"".join(text(name) + value for name, value in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def keys(*names: str) -> bytes:
    return b"\x80\x02](" + b"".join(map(text, names)) + b"e."


def storage(values: np.ndarray = VALUES) -> bytes:
    return struct.pack("<q", len(values)) + values.tobytes()


ORDERLY = tensor((2, 3), (3, 1))


def checkpoint(tensors: bytes = ORDERLY, *, keys_: bytes = keys("7"), values: bytes = storage()) -> bytes:
    """One tensor called `weight`, in the storage 7."""
    return MAGIC + PROTOCOL + MACHINE + state(weight=tensors) + keys_ + values
