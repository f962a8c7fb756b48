"""Fashion-MNIST, found where it usually lies, checked against its published content.

Files are in the IDX format of MNIST (yann.lecun.com/exdb/mnist, "the IDX file format"), gzipped or plain. Debian
packs them anew, so the checksums here are of the content inside, which is the same everywhere.
"""

import gzip
import hashlib
import shutil
import struct
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
VALIDATION_IMAGES = 5_000
SPLIT_SEED = 1708_07747  # the paper's number; fixed, so that every run keeps the same images back

CONTENT = {
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}
"""SHA-256 of each file after gunzip."""


class DataMissing(Exception):
    """Fashion-MNIST is nowhere to be found, or a file of it is damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images uint8[N, 28, 28, 1] and labels int64[N]."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training, validation and test images, and the SHA-256 of them all."""

    train: Split
    validation: Split
    test: Split
    digest: str


def cache_folder() -> Path:
    """Where Keras keeps its copy."""
    return Path.home() / ".keras" / "datasets" / "fashion-mnist"


def load(folder: Path | None = None, *, address: str = ADDRESS) -> Dataset:
    """Fashion-MNIST from `folder`, or else from Debian's files, the Keras cache or its public address.

    Raises DataMissing, naming every place looked at.
    """
    home = locate(folder, address=address)
    parts = {name: _content(home, name) for name in CONTENT}
    train = Split(_images(parts["train-images-idx3-ubyte"]), _labels(parts["train-labels-idx1-ubyte"]))
    test = Split(_images(parts["t10k-images-idx3-ubyte"]), _labels(parts["t10k-labels-idx1-ubyte"]))
    kept, held = hold_out(train.labels, VALIDATION_IMAGES, SPLIT_SEED)
    digest = hashlib.sha256(b"".join(hashlib.sha256(parts[name]).digest() for name in sorted(parts)))
    return Dataset(pick(train, kept), pick(train, held), test, digest.hexdigest())


def locate(folder: Path | None = None, *, address: str = ADDRESS) -> Path:
    """The first folder that holds all four files; downloads them into the Keras cache when none does."""
    places = [folder] if folder else [DEBIAN, cache_folder()]
    for place in places:
        if all(_path(place, name) for name in CONTENT):
            return place
    if folder is None:
        return _download(address, cache_folder())
    raise DataMissing(_nowhere(places, None))


def hold_out(
    labels: npt.NDArray[np.int64], count: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices to keep and to hold out: the same number from every category, the same ones for a seed."""
    random = np.random.default_rng(seed)
    kinds = np.unique(labels)
    held = [random.permutation(np.flatnonzero(labels == kind))[: count // len(kinds)] for kind in kinds]
    held_out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def pick(split: Split, indices: npt.NDArray[np.int64]) -> Split:
    """The images and labels at `indices`."""
    return Split(split.images[indices], split.labels[indices])


def _path(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def _content(folder: Path, name: str) -> bytes:
    path = _path(folder, name)
    if path is None:
        raise DataMissing(_nowhere([folder], None))
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DataMissing(f"{path} cannot be read ({error}): remove it and fetch it again") from error
    if hashlib.sha256(content).hexdigest() != CONTENT[name]:
        raise DataMissing(f"{path} is not the published file (SHA-256 differs): remove it and fetch it again")
    return content


def _images(content: bytes) -> npt.NDArray[np.uint8]:
    _, count, height, width = struct.unpack(">IIII", content[:16])
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width, 1)


def _labels(content: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)


def _download(address: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in CONTENT:
        aside = folder / f"{name}.gz.part"
        try:
            with urllib.request.urlopen(address + name + ".gz", timeout=30) as source, aside.open("wb") as sink:  # noqa: S310 - the address is a constant https one, or the caller's own
                shutil.copyfileobj(source, sink)
        except (urllib.error.URLError, OSError) as error:
            aside.unlink(missing_ok=True)
            raise DataMissing(_nowhere([DEBIAN, folder], f"{address} ({error})")) from error
        aside.rename(folder / f"{name}.gz")
    return folder


def _nowhere(folders: Sequence[Path], address: str | None) -> str:
    places = [str(folder) for folder in folders] + ([address] if address else [])
    return (
        "Fashion-MNIST was not found; looked at "
        + ", ".join(places)
        + ". Install Debian's package dataset-fashion-mnist, or put the four *-ubyte.gz files into a folder"
        " and name it with --data."
    )
