"""A PyTorch checkpoint of the older format, read without PyTorch and without running anything it asks for.

The format is what `torch.save` wrote up to version 1.5 (torch/serialization.py, `_legacy_save`): pickles of a magic
number, of the protocol, of what the machine was like, of the state and of the list of its storages' keys; then for
each storage its number of values as a little-endian int64, and the values.
"""

import io
import math
import pickle  # only below the checks of `_scan`, by an unpickler that knows four names
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import ModelError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_BYTES = 256 * 2**20
MAX_OPCODES = 200_000  # EfficientNet-Lite0 takes 10,696

_STORAGES = {"torch FloatStorage": "<f4", "torch LongStorage": "<i8"}
_REBUILD = "torch._utils _rebuild_tensor_v2"
_KNOWN = frozenset({*_STORAGES, _REBUILD, "collections OrderedDict"})
_NEEDED = """
    PROTO STOP MARK BINPUT LONG_BINPUT BINGET LONG_BINGET GLOBAL REDUCE BUILD BINPERSID NONE NEWTRUE NEWFALSE
    BININT BININT1 BININT2 LONG1 BINUNICODE EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS
    EMPTY_DICT SETITEM SETITEMS
"""
_OPCODES = frozenset(_NEEDED.split())
"""All that a state of tensors is made of. Whatever else a pickle can do is refused before it is unpickled."""
_MALFORMED = (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError, LookupError, OverflowError)

Arrays = dict[str, npt.NDArray[Any]]


class CheckpointRefused(ModelError):
    """The file is no such checkpoint, is damaged, or asks for more than tensors; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: Path) -> Arrays:
    """Read tensors by name, float32 or int64, each of its own shape.

    Raises CheckpointRefused, and OSError for a file that cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointRefused(f"{path} has over {MAX_BYTES:,} bytes: name the checkpoint of a backbone")
    content = path.read_bytes()
    if content[:2] == b"PK":
        raise CheckpointRefused(
            f"{path} has PyTorch's newer zip format: save it with _use_new_zipfile_serialization=False"
        )
    try:
        return _tensors(io.BytesIO(content))
    except CheckpointRefused as error:
        raise CheckpointRefused(f"{path} {error}: fetch the checkpoint again, from where you trust it") from error
    except _MALFORMED as error:
        raise CheckpointRefused(
            f"{path} is no PyTorch checkpoint of the older format, or is cut short ({error}): fetch it again"
        ) from error


def _tensors(source: io.BytesIO) -> Arrays:
    if _unpickled(source) != MAGIC or _unpickled(source) != PROTOCOL:
        raise CheckpointRefused("is no PyTorch checkpoint of the older format")
    if _unpickled(source).get("little_endian") is not True:
        raise CheckpointRefused("was written on a big-endian machine")
    state = _unpickled(source)
    if not isinstance(state, dict) or not all(isinstance(tensor, _Tensor) for tensor in state.values()):
        raise CheckpointRefused("holds more than tensors by name")
    storages = {tensor.storage.key: tensor.storage for tensor in state.values()}
    values = _values(source, _unpickled(source), storages)
    return {str(name): _shaped(tensor, values[tensor.storage.key]) for name, tensor in state.items()}


def _values(source: io.BytesIO, keys: list[str], storages: dict[str, _Storage]) -> Arrays:
    if sorted(keys) != sorted(storages):
        raise CheckpointRefused("lists other storages than its tensors lie in")
    values = {key: _flat(source, storages[key]) for key in keys}
    if source.read(1):
        raise CheckpointRefused("goes on after its last storage")
    return values


def _flat(source: io.BytesIO, storage: _Storage) -> npt.NDArray[Any]:
    dtype = np.dtype(storage.dtype)
    if int.from_bytes(source.read(8), "little", signed=True) != storage.count:
        raise CheckpointRefused(f"contradicts itself on the length of storage {storage.key}")
    return np.frombuffer(source.read(storage.count * dtype.itemsize), dtype, count=storage.count)


def _shaped(tensor: _Tensor, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Copy values into their order; in the file they may have another (TensorFlow's, where it was converted)."""
    last = tensor.offset + sum(
        (length - 1) * stride for length, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    numbers = (tensor.offset, *tensor.strides, *(length - 1 for length in tensor.shape))
    if min(numbers) < 0 or last >= len(values) or math.prod(tensor.shape) > len(values):
        raise CheckpointRefused(f"has a tensor that reaches beyond storage {tensor.storage.key}")
    steps = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps, writeable=False).copy()


def _unpickled(source: io.BytesIO) -> Any:
    start = source.tell()
    _scan(source)
    source.seek(start)
    return _Unpickler(source).load()


def _scan(source: io.BytesIO) -> None:
    """Refuse, before anything is unpickled, what a state of tensors does not need."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(source)):
        if count > MAX_OPCODES:
            raise CheckpointRefused("has a state of too many parts")
        if opcode.name not in _OPCODES:
            raise CheckpointRefused(f"asks for {opcode.name}, which no tensor needs")
        if opcode.name == "GLOBAL" and argument not in _KNOWN:
            raise CheckpointRefused(f"asks for {str(argument).replace(' ', '.')!r}, which no tensor needs")
        # places in the memo are taken in turn; a far one would have the unpickler reserve gigabytes
        if opcode.name == "LONG_BINPUT" and isinstance(argument, int) and argument > count:
            raise CheckpointRefused("asks for more memory than it has content")


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows the names of `_KNOWN`, of which none is PyTorch's."""

    def find_class(self, module: str, name: str) -> Any:
        full_name = f"{module} {name}"
        if full_name in _STORAGES:
            return _STORAGES[full_name]
        if full_name == _REBUILD:
            return _rebuilder()
        if full_name == "collections OrderedDict":
            return OrderedDict
        raise CheckpointRefused(f"asks for {module}.{name}, which no tensor needs")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, count, view = pid
        if kind != "storage" or dtype not in _STORAGES.values() or not isinstance(count, int) or view is not None:
            raise CheckpointRefused("refers to something that is no storage")
        if not isinstance(key, str) or not 0 <= count <= MAX_BYTES:
            raise CheckpointRefused("has a storage without a name or a length")
        return _Storage(key, dtype, count)


def _rebuilder() -> Callable[..., _Tensor]:
    """Return a new function each time, as a pickle may set attributes on what it is given."""

    def rebuild(storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
        if not isinstance(storage, _Storage) or not all(type(number) is int for number in (offset, *shape, *strides)):
            raise CheckpointRefused("has a tensor that is none")
        return _Tensor(storage, offset, shape, strides)

    return rebuild
