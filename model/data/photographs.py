"""Photographs with labels, of which a model for one's own categories is made, and folders of them."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from model.data.dataset import DataMissing

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph whose category somebody has named.

    `name` is its key or its path in the folder, unlike any other's; `read` gives its bytes, and raises OSError or, with
    the reason that a store gives, ImageRejected where there are none. `split` and `product` are None where the source
    does not say.
    """

    name: str
    category: str
    read: Callable[[], bytes]
    split: SplitName | None = None
    product: str | None = None


class DataUnusable(DataMissing):
    """Photographs, or a table of them, are not as a training needs them; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """A category's folder: `category` is its name, `split` that of the folder around it, if that is one."""

    path: Path
    category: str
    split: SplitName | None


def of_folder(folder: Path, product_pattern: str | None = None) -> list[Photograph]:
    """Every file below each sub-folder of `folder`, which is a category; hidden ones left out, sorted by path.

    Sub-folders train, validation and test (train at least) that hold folders are the splits, and these the categories.
    `product_pattern` is searched in each path below `folder`; its group `product` names the product.
    Raises DataUnusable for what is no such folder, or cannot be listed.
    """
    found = [
        Photograph(name, place.category, path.read_bytes, place.split, product_of(name, product_pattern))
        for place in places(folder)
        for path in files_below(place.path)
        for name in (name_of(path, folder),)
    ]
    if not found:
        raise DataUnusable(f"{folder} holds no photograph in a sub-folder: make a sub-folder for each category")
    return found


def places(folder: Path) -> list[Place]:
    """The folders of the categories, those of train first. Raises DataUnusable."""
    if not folder.is_dir():
        raise DataUnusable(f"{folder} is no folder: name one that holds a sub-folder of photographs for each category")
    splits = split_folders(folder)
    around: Sequence[tuple[Path, SplitName | None]] = [(folder / each, each) for each in splits] or [(folder, None)]
    return [Place(path, shown(path.name), split) for outer, split in around for path in folders_in(outer)]


def split_folders(folder: Path) -> list[SplitName]:
    """The splits that `folder` has a sub-folder for; none where its sub-folders are categories.

    Raises DataUnusable where both lie side by side.
    """
    names = [path.name for path in folders_in(folder)]
    there = [split for split in SPLITS if split in names]
    others = [shown(name) for name in names if name not in SPLITS]
    if "train" not in there or not folders_in(folder / "train"):
        return []
    if others and len(there) > 1:
        raise DataUnusable(
            f"{folder} holds {' and '.join(there)}, which are splits, beside {', '.join(others[:5])}:"
            " keep either splits with a folder for each category in them, or categories alone"
        )
    return [] if others else there


def folders_in(folder: Path) -> list[Path]:
    """Sub-folders, hidden ones left out, sorted. Raises DataUnusable where they cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise _unlisted(error) from error


def files_below(folder: Path) -> list[Path]:
    """All files, hidden ones and those in hidden folders left out, sorted. Raises DataUnusable as `folders_in`."""
    return sorted(_walked(folder))


def product_of(name: str, pattern: str | None) -> str | None:
    """The group `product` of the pattern in `name`; None where it does not match, or there is no pattern."""
    match = re.search(pattern, name) if pattern else None
    return match["product"] if match else None


def name_of(path: Path, folder: Path) -> str:
    """The path below `folder`, with `/`, fit to be shown."""
    return shown(path.relative_to(folder).as_posix())


def shown(name: str) -> str:
    """A file's name as text: bytes of it that are no UTF-8 are spelt out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _walked(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [each for each in folders if not each.startswith(".")]
        paths = (Path(place, each) for each in files if not each.startswith("."))
        yield from (path for path in paths if path.is_file())


def _refuse(error: OSError) -> None:
    raise _unlisted(error) from error


def _unlisted(error: OSError) -> DataUnusable:
    return DataUnusable(f"{error.filename} cannot be listed ({error.strerror or error}): see that you may read it")
