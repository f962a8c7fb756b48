"""Fashion-MNIST, found in its usual places and verified against its published content.

Files are in the IDX format of MNIST (yann.lecun.com/exdb/mnist, "the IDX file format"), gzipped or plain. Debian
compresses them anew, so the checksums here are those of the content inside, which is the same everywhere.
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

from model.data.dataset import DataMissing, Dataset, Images, Integers, Split, hold_out, pick

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
CONTENT = {
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}
"""SHA-256 of each file after gunzip."""
COPY_RMS = 6.0
"""Root mean square difference, of 255, below which two images are one photograph. At 6, ten training images are copies
of test images, the ten that are known; none is a byte-for-byte copy (docs/research/experiments.md)."""
VALIDATION_IMAGES = 5_000
SPLIT_SEED = 1708_07747  # the paper's number; fixed, so that every training holds out the same images
_BLOCK = 2_000  # images compared with all others at once: 80 MB


def cache_folder() -> Path:
    """Return the folder where Keras keeps its copy."""
    return Path.home() / ".keras" / "datasets" / "fashion-mnist"


def load(folder: Path | None = None, *, address: str = ADDRESS) -> Dataset:
    """Load Fashion-MNIST from `folder`, or else from Debian's files, the Keras cache or its public address.

    Raises DataMissing, naming every place that was tried.
    """
    home = locate(folder, address=address)
    parts = {name: _content(home, name) for name in CONTENT}
    train, test = (_split(parts, part) for part in ("train", "t10k"))
    rest, held_out = hold_out(train.labels, VALIDATION_IMAGES, SPLIT_SEED)
    digest = hashlib.sha256(b"".join(hashlib.sha256(parts[name]).digest() for name in sorted(parts)))
    return without_copies(Dataset(pick(train, rest), pick(train, held_out), test, digest.hexdigest()))


def load_test(folder: Path | None = None, *, address: str = ADDRESS) -> Split:
    """Load the test images alone, in a fraction of the time. Raises DataMissing."""
    home = locate(folder, address=address)
    return _split({name: _content(home, name) for name in CONTENT if name.startswith("t10k")}, "t10k")


def holds_files(folder: Path) -> bool:
    """Return whether all four files of Fashion-MNIST are in `folder`."""
    return all(_path(folder, name) for name in CONTENT)


def without_copies(data: Dataset) -> Dataset:
    """Remove copies of test and validation images from training, and repetitions within training.

    An image is a copy of a test or validation image if they differ by less than COPY_RMS. Within training, of images
    with the same bytes the first stays, whatever their labels.
    """
    left_out = {
        "in_test": copies(data.train.images, data.test.images),
        "in_validation": copies(data.train.images, data.validation.images),
        "repeated": repeats(data.train.images),
    }
    rest = np.setdiff1d(np.arange(len(data.train)), np.concatenate(list(left_out.values())))
    dropped = {reason: len(indices) for reason, indices in left_out.items()}
    return replace(data, train=pick(data.train, rest), dropped=dropped)


def copies(images: Images, originals: Images) -> Integers:
    """Find `images` uint8[N, H, W, 1] that nearly equal one of `originals` uint8[M, H, W, 1]; returns their indices."""
    # Block means differ by no more than the pixels do, so few pairs are left to compare in full.
    means, original_means = _block_means(images), _block_means(originals)
    norms, original_norms = ((array**2).sum(1, keepdims=True) for array in (means, original_means))
    # one product gives 2·m·n − m² − n², the squared distance of two images' means below zero
    left = np.hstack([2 * means, -norms, -np.ones_like(norms)])
    right = np.hstack([original_means, np.ones_like(original_norms), original_norms])
    limit = COPY_RMS**2
    least = -1.01 * limit * means.shape[1]  # float32 is wrong by less than this hundredth
    indices: set[int] = set()
    for start in range(0, len(images), _BLOCK):
        near = np.flatnonzero(left[start : start + _BLOCK] @ right.T > least)  # argwhere takes longer than the product
        for row, original in zip(*np.divmod(near, len(originals)), strict=True):
            if np.mean((images[start + row].astype(float) - originals[original]) ** 2) < limit:
                indices.add(start + int(row))
    return np.asarray(sorted(indices), np.int64)


def repeats(images: Images) -> Integers:
    """Find the images whose bytes an earlier one has, by SHA-256; returns their indices."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    first = {digest: index for index, digest in reversed(list(enumerate(digests)))}
    return np.asarray([index for index, digest in enumerate(digests) if first[digest] != index], np.int64)


def _block_means(images: Images) -> npt.NDArray[np.float32]:
    """Return the means of blocks of 4×4 pixels, float32[N, HW/16]."""
    count, height, width, _ = images.shape
    blocks = images.reshape(count, height // 4, 4, width // 4, 4)
    means: npt.NDArray[np.float32] = blocks.mean((2, 4), dtype=np.float32).reshape(count, -1)
    return means


def locate(folder: Path | None = None, *, address: str = ADDRESS) -> Path:
    """Find the folder with all four files, or download them into the Keras cache. Raises DataMissing."""
    folders = [folder] if folder else [DEBIAN, cache_folder()]
    for candidate in folders:
        if holds_files(candidate):
            return candidate
    if folder is None:
        return _download(address, cache_folder())
    raise _not_found(folders)


def _path(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def _content(folder: Path, name: str) -> bytes:
    path = _path(folder, name)
    if path is None:
        raise _not_found([folder])
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DataMissing(f"{path} cannot be read ({error}): remove it and fetch it again") from error
    if hashlib.sha256(content).hexdigest() != CONTENT[name]:
        raise DataMissing(f"{path} is not the published file (SHA-256 differs): remove it and fetch it again")
    return content


def _split(parts: Mapping[str, bytes], part: str) -> Split:
    images, labels = parts[f"{part}-images-idx3-ubyte"], parts[f"{part}-labels-idx1-ubyte"]
    _, count, height, width = struct.unpack(">IIII", images[:16])
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(count, height, width, 1)
    return Split(pixels, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))


def _download(address: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in CONTENT:
        partial = folder / f"{name}.gz.part"
        try:
            with urllib.request.urlopen(address + name + ".gz", timeout=30) as source, partial.open("wb") as sink:  # noqa: S310 - the address is a constant https one, or the caller's own
                shutil.copyfileobj(source, sink)
        except (urllib.error.URLError, OSError) as error:
            partial.unlink(missing_ok=True)
            raise _not_found([DEBIAN, folder, f"{address} ({error})"]) from error
        partial.rename(folder / f"{name}.gz")
    return folder


def _not_found(places: Sequence[Path | str]) -> DataMissing:
    return DataMissing(
        f"Fashion-MNIST was not found in {', '.join(map(str, places))}. Install Debian's package"
        " dataset-fashion-mnist, or put the four *-ubyte.gz files into a folder and name it with --data."
    )
