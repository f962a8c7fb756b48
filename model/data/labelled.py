"""Photographs in a folder with a sub-folder for each category, as `tagger model evaluate --data` takes them.

Files are decoded and prepared by the code that serves, so what is measured here is what would be tagged.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.data.dataset import DataMissing
from model.decisions.categories import plain
from model.images import preprocessing
from model.images.decoding import ImageRejected
from model.images.preprocessing import Preprocessing

UNKNOWN = -1
"""The label of an image whose category the bundle has not."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that gave no image: `reason` as in ImageRejected, or "unreadable"; `detail` is for people."""

    path: Path
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """N images uint8[N, H, W, C] as the network takes them, in the order of `paths`, which are sorted.

    `labels` int64[N] index the categories, UNKNOWN (-1) where the bundle has none for the sub-folder; `folders` is the
    sub-folder of each image. `rejected` are the files that gave no image.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    paths: tuple[Path, ...]
    folders: tuple[str, ...]
    rejected: tuple[Rejected, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def reasons(self) -> dict[str, int]:
        """How many files were rejected for each reason."""
        return by_reason(self.rejected)

    @property
    def unknown_folders(self) -> dict[str, int]:
        """How many images lie in each sub-folder that is no category."""
        pairs = zip(self.folders, self.labels, strict=True)
        return dict(Counter(folder for folder, label in pairs if label == UNKNOWN))


def by_reason(rejected: Sequence[Rejected]) -> dict[str, int]:
    """How many files were rejected for each reason, sorted by it."""
    return dict(sorted(Counter(each.reason for each in rejected).items()))


def read(folder: Path, categories: Sequence[str], spec: Preprocessing, names: Mapping[str, str]) -> Labelled:
    """Every file below each sub-folder of `folder`, hidden ones left out.

    A sub-folder stands for the category that `names` gives it, else for that of its own name; case and signs do not
    count ("t-shirt_top" is T-shirt/top). Raises DataMissing when `names` holds a folder that is not there or a category
    that the bundle has not, or no file of any known category gives an image.
    """
    places = _places(folder)
    labels = _labels(places, categories, names)
    found = [(path, place.name, _read(path, spec)) for place in places for path in _files(place)]
    good = [(path, name, image) for path, name, image in found if isinstance(image, np.ndarray)]
    read_in = Labelled(
        images=np.array([image for _, _, image in good], np.uint8).reshape(-1, spec.size, spec.size, spec.channels),
        labels=np.array([labels[name] for _, name, _ in good], np.int64),
        paths=tuple(path for path, _, _ in good),
        folders=tuple(name for _, name, _ in good),
        rejected=tuple(image for _, _, image in found if isinstance(image, Rejected)),
    )
    if not (read_in.labels != UNKNOWN).any():
        raise DataMissing(_nothing_known(folder, read_in, categories))
    return read_in


def _places(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataMissing(f"{folder} is no folder: name one that holds a sub-folder of photographs for each category")
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _labels(places: Sequence[Path], categories: Sequence[str], names: Mapping[str, str]) -> dict[str, int]:
    """The label of each sub-folder, by its name."""
    known = {plain(category): at for at, category in enumerate(categories)}
    there = {place.name for place in places}
    for name, category in names.items():
        if name not in there:
            raise DataMissing(f"--map: there is no folder {name!r} to map; there are {_listed(sorted(there))}")
        if plain(category) not in known:
            raise DataMissing(f"--map: {category!r} is no category of this bundle: name one of {_listed(categories)}")
    return {name: known.get(plain(names.get(name, name)), UNKNOWN) for name in there}


def _files(place: Path) -> Iterator[Path]:
    yield from sorted(
        path
        for path in place.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(place).parts)
    )


def _read(path: Path, spec: Preprocessing) -> npt.NDArray[np.uint8] | Rejected:
    try:
        return preprocessing.read(path.read_bytes(), spec)
    except ImageRejected as error:
        return Rejected(path, error.reason, error.detail)
    except OSError as error:
        return Rejected(path, "unreadable", error.strerror or str(error))


def _nothing_known(folder: Path, found: Labelled, categories: Sequence[str]) -> str:
    there = _listed(sorted(found.unknown_folders)) or "none with images"
    broken = f"; {len(found.rejected)} files gave no image" if found.rejected else ""
    return (
        f"{folder} holds no image of a category that the bundle knows ({_listed(categories)});"
        f" its sub-folders are {there}{broken}: name each folder's category with --map FOLDERNAME=CATEGORY"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
