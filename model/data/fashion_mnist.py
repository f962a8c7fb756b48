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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.data.dataset import DataMissing, Dataset, Images, Split, hold_out, pick

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


COPY_RMS = 6.0
"""Of 255: the root mean square difference under which two images are one photograph. At 6, ten training images are
copies of test images, the ten that are known; none has the same bytes (docs/research/experiments.md)."""


VALIDATION_IMAGES = 5_000


SPLIT_SEED = 1708_07747  # the paper's number; fixed, so that every run keeps the same images back


CONTENT = {
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}
"""SHA-256 of each file after gunzip."""


_AT_ONCE = 2_000  # images compared with all others at once: 80 MB


def cache_folder() -> Path:
    """Where Keras keeps its copy."""
    return Path.home() / ".keras" / "datasets" / "fashion-mnist"


def load(folder: Path | None = None, *, address: str = ADDRESS) -> Dataset:
    """Fashion-MNIST from `folder`, or else from Debian's files, the Keras cache or its public address.

    Raises DataMissing, naming every place looked at.
    """
    home = locate(folder, address=address)
    parts = {name: _content(home, name) for name in CONTENT}
    train, test = (_split(parts, part) for part in ("train", "t10k"))
    kept, held = hold_out(train.labels, VALIDATION_IMAGES, SPLIT_SEED)
    digest = hashlib.sha256(b"".join(hashlib.sha256(parts[name]).digest() for name in sorted(parts)))
    return without_copies(Dataset(pick(train, kept), pick(train, held), test, digest.hexdigest()))


def load_test(folder: Path | None = None, *, address: str = ADDRESS) -> Split:
    """Its test images alone, which takes a fraction of the time. Raises DataMissing."""
    home = locate(folder, address=address)
    return _split({name: _content(home, name) for name in CONTENT if name.startswith("t10k")}, "t10k")


def holds_files(folder: Path) -> bool:
    """Are all four files of Fashion-MNIST there?"""
    return all(_path(folder, name) for name in CONTENT)


def without_copies(data: Dataset) -> Dataset:
    """The same data, its training images without copies of test or validation images, and none there twice.

    A copy of a test or validation image differs from it by under COPY_RMS; within training only the same bytes are
    one image, of which the first stays, whatever the labels say.
    """
    left_out = {
        "in_test": copies(data.train.images, data.test.images),
        "in_validation": copies(data.train.images, data.validation.images),
        "repeated": repeats(data.train.images),
    }
    unwanted = np.concatenate(list(left_out.values()))
    kept = np.setdiff1d(np.arange(len(data.train)), unwanted)
    return replace(data, train=pick(data.train, kept), dropped={why: len(which) for why, which in left_out.items()})


def copies(images: Images, of: Images) -> npt.NDArray[np.int64]:
    """Indices of those `images` uint8[N, H, W, 1] that all but equal one `of` uint8[M, H, W, 1]."""
    # The distance between block means is at most that between the pixels: few pairs are left to compare in full.
    mine, others, nearest = _coarse(images), _coarse(of), COPY_RMS**2
    found: set[int] = set()
    for at in range(0, len(images), _AT_ONCE):
        block = mine[at : at + _AT_ONCE]
        distance = (block**2).sum(1)[:, None] + (others**2).sum(1) - 2 * block @ others.T
        for row, other in np.argwhere(distance / block.shape[1] < nearest + 1e-3 * nearest):
            if np.mean((images[at + row].astype(float) - of[other]) ** 2) < nearest:
                found.add(at + int(row))
    return np.asarray(sorted(found), np.int64)


def repeats(images: Images) -> npt.NDArray[np.int64]:
    """Indices of the images whose bytes an earlier one has too, by SHA-256."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    first = {digest: at for at, digest in reversed(list(enumerate(digests)))}
    return np.asarray([at for at, digest in enumerate(digests) if first[digest] != at], np.int64)


def _coarse(images: Images) -> npt.NDArray[np.float32]:
    """Means of 4×4 pixels, float32[N, HW/16]."""
    count, height, width, _ = images.shape
    blocks = images.reshape(count, height // 4, 4, width // 4, 4)
    means: npt.NDArray[np.float32] = blocks.mean((2, 4), dtype=np.float32).reshape(count, -1)
    return means


def locate(folder: Path | None = None, *, address: str = ADDRESS) -> Path:
    """The first folder that holds all four files; downloads them into the Keras cache when none does."""
    places = [folder] if folder else [DEBIAN, cache_folder()]
    for place in places:
        if holds_files(place):
            return place
    if folder is None:
        return _download(address, cache_folder())
    raise DataMissing(_nowhere(places, None))


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


def _split(parts: Mapping[str, bytes], part: str) -> Split:
    return Split(_images(parts[f"{part}-images-idx3-ubyte"]), _labels(parts[f"{part}-labels-idx1-ubyte"]))


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
