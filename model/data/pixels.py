"""Labelled photographs as the pixels that a network takes."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.data.dataset import Dataset, Split, digest_of
from model.data.photographs import DataUnusable, Photograph, category_folders, photographs_in
from model.decisions.categories import plain
from model.images.decoding import DEFAULT_LIMITS, DecodeLimits, ImageRejected, decode
from model.images.memory import MemoryBudget
from model.images.preprocessing import Preprocessing, preprocess, resized
from model.images.squares import shrunk

Images = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]

ROOM = 1.25
"""How much larger than the network's input training photographs are kept, as crops of them are shown to it."""
THREADS = 4
UNKNOWN = -1  # the label of an image whose folder is not a category of the bundle


def load(
    photographs: Sequence[Photograph],
    labels: Indices,
    splits: Sequence[Indices],
    spec: Preprocessing,
    *,
    trained: int = 0,
    limits: DecodeLimits = DEFAULT_LIMITS,
    report_progress: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Decode photographs once for all epochs; `splits` are the indices of train, validation and test.

    Training images are uint8[M, ROOM·T, ROOM·T, 3], T being the `trained` pixels that training shows, the others
    uint8[…, S, S, 3], S being the size in `spec`; with 0, T is S. Raises ImageRejected for a photograph that was never
    inspected, and what its `read` raises.
    """
    larger = resized(spec, round(ROOM * (trained or spec.size)))
    parts = []
    for indices, size in zip(splits, (larger, spec, spec), strict=True):
        images = read([photographs[index] for index in indices], size, limits, report_progress)
        parts.append(Split(images, labels[indices]))
    digest = hashlib.sha256("".join(map(digest_of, parts)).encode()).hexdigest()
    train, validation, test = parts
    return Dataset(train, validation, test, digest=digest)


def as_served(images: Images, spec: Preprocessing) -> Images:
    """Shrink training images uint8[M, H, H, 3] of `load` to uint8[M, S, S, 3], nearly as `spec` prepares them."""
    small = [shrunk(image, spec.size) for image in images]
    return np.stack(small) if small else np.zeros((0, spec.size, spec.size, 3), np.uint8)


def read(
    photographs: Sequence[Photograph],
    spec: Preprocessing,
    limits: DecodeLimits,
    report_progress: Callable[[int], None] = lambda _: None,
) -> Images:
    """Decode photographs to uint8[N, S, S, C], S being the size in `spec`. Raises what `load` does."""
    images = np.zeros((len(photographs), spec.size, spec.size, spec.channels), np.uint8)
    budget = MemoryBudget()

    def prepare(photograph: Photograph) -> Images:
        with budget.lease() as reserve:
            return preprocess(decode(photograph.read(), spec.hints, limits=limits, reserve=reserve), spec)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="pixels") as pool:
        for index, image in enumerate(pool.map(prepare, photographs)):
            images[index] = image
            report_progress(1)
    return images


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that could not be decoded: `reason` is that of ImageRejected, or "unreadable"; `detail` is for people."""

    name: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images uint8[N, H, W, C] as the network takes them, in the order of `names`, their paths in the folder.

    `labels` int64[N] index the categories, or are UNKNOWN (-1) where the bundle has none for the sub-folder; `folders`
    names the sub-folder of each image. `rejected` are the files that could not be decoded.
    """

    images: Images
    labels: Indices
    names: tuple[str, ...]
    folders: tuple[str, ...]
    rejected: tuple[Rejected, ...]

    @property
    def unknown_folders(self) -> dict[str, int]:
        """The number of images in each sub-folder that is not a category."""
        pairs = zip(self.folders, self.labels, strict=True)
        return dict(Counter(folder for folder, label in pairs if label == UNKNOWN))


def count_reasons(rejected: Sequence[Rejected]) -> dict[str, int]:
    """Count the rejected files by reason, sorted."""
    return dict(sorted(Counter(file.reason for file in rejected).items()))


def read_folder(
    folder: Path, categories: Sequence[str], spec: Preprocessing, mapping: Mapping[str, str]
) -> LabelledImages:
    """Read every file below each sub-folder of `folder`, decoded and prepared by the code that serves.

    A sub-folder stands for the category that `mapping` gives it, else for the one it is named after, whatever the case
    and punctuation ("t-shirt_top" is T-shirt/top). Raises DataUnusable when `mapping` names a folder that does not
    exist or a category that the bundle does not have, or when no file of a known category can be decoded.
    """
    subfolders = category_folders(folder, with_splits=False)
    label_of = _labels([subfolder.name for subfolder in subfolders], categories, mapping)
    results = [(photograph, _prepare(photograph, spec)) for photograph in photographs_in(folder, subfolders)]
    images = [(photograph, pixels) for photograph, pixels in results if isinstance(pixels, np.ndarray)]
    labelled = LabelledImages(
        images=np.array([pixels for _, pixels in images], np.uint8).reshape(-1, spec.size, spec.size, spec.channels),
        labels=np.array([label_of[photograph.category] for photograph, _ in images], np.int64),
        names=tuple(photograph.name for photograph, _ in images),
        folders=tuple(photograph.category for photograph, _ in images),
        rejected=tuple(result for _, result in results if isinstance(result, Rejected)),
    )
    if not (labelled.labels != UNKNOWN).any():
        raise DataUnusable(_nothing_known(folder, labelled, categories))
    return labelled


def _prepare(photograph: Photograph, spec: Preprocessing) -> Images | Rejected:
    try:
        return preprocess(decode(photograph.read(), spec.hints), spec)
    except ImageRejected as error:
        return Rejected(photograph.name, error.reason, error.detail)
    except OSError as error:
        return Rejected(photograph.name, "unreadable", error.strerror or str(error))


def _labels(folders: Sequence[str], categories: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    index_of = {plain(category): index for index, category in enumerate(categories)}
    for folder, category in mapping.items():
        if folder not in folders:
            raise DataUnusable(f"--map: there is no folder {folder!r} to map; there are {', '.join(folders)}")
        if plain(category) not in index_of:
            names = ", ".join(categories)
            raise DataUnusable(f"--map: {category!r} is not a category of this bundle: name one of {names}")
    return {folder: index_of.get(plain(mapping.get(folder, folder)), UNKNOWN) for folder in folders}


def _nothing_known(folder: Path, labelled: LabelledImages, categories: Sequence[str]) -> str:
    folders = ", ".join(sorted(labelled.unknown_folders)) or "none with images"
    broken = f"; {len(labelled.rejected)} files could not be decoded" if labelled.rejected else ""
    return (
        f"{folder} holds no image of a category that the bundle knows ({', '.join(categories)});"
        f" its sub-folders are {folders}{broken}: name each folder's category with --map FOLDERNAME=CATEGORY"
    )
