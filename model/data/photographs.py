"""Labelled photographs, and folders of them: a sub-folder for each category."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, get_args

from model.data.dataset import DataMissing
from model.data.products import product_of

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph with a label.

    `name` is its key or its path in the folder, unique in its source. `read` returns the bytes of the file; it raises
    OSError or, with a reason as stores give them, ImageRejected. `split` and `product` are None where the source names
    none.
    """

    name: str
    category: str
    read: Callable[[], bytes]
    split: SplitName | None = None
    product: str | None = None


class DataUnusable(DataMissing):
    """Labelled photographs that are not laid out as needed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CategoryFolder:
    """A folder with the photographs of one category; `split` is that of the folder around it, if that is one."""

    path: Path
    name: str
    split: SplitName | None


def of_folder(folder: Path, product_pattern: str | None = None) -> list[Photograph]:
    """List the files below each category's folder, sorted by path; hidden ones are left out.

    Sub-folders train, validation and test (train at least) that hold folders are the splits, and these the categories.
    `product_pattern` is searched in each path below `folder`; its group `product` names the product.
    Raises DataUnusable for a folder that is not laid out like this, or cannot be listed.
    """
    photographs = photographs_in(folder, category_folders(folder), product_pattern)
    if not photographs:
        raise DataUnusable(f"{folder} holds no photograph in a sub-folder: make a sub-folder for each category")
    return photographs


def photographs_in(
    folder: Path, categories: Sequence[CategoryFolder], product_pattern: str | None = None
) -> list[Photograph]:
    """List the files below the `categories` of `folder`, as `of_folder` does, be there any or not."""
    return [
        Photograph(name, category.name, path.read_bytes, category.split, product_of(name, product_pattern))
        for category in categories
        for path in files_below(category.path)
        for name in (name_of(path, folder),)
    ]


def category_folders(folder: Path, *, with_splits: bool = True) -> list[CategoryFolder]:
    """List the categories' folders, those of train first; unless `with_splits`, a folder "train" is a category.

    Raises DataUnusable.
    """
    if not folder.is_dir():
        raise DataUnusable(f"{folder} is not a folder: name one with a sub-folder of photographs for each category")
    splits = split_folders(folder) if with_splits else []
    parents: Sequence[tuple[Path, SplitName | None]] = [(folder / split, split) for split in splits] or [(folder, None)]
    return [
        CategoryFolder(path, displayable(path.name), split) for parent, split in parents for path in folders_in(parent)
    ]


def split_folders(folder: Path) -> list[SplitName]:
    """List the splits that `folder` has a sub-folder for; none where its sub-folders are categories.

    Raises DataUnusable where both lie side by side.
    """
    names = [path.name for path in folders_in(folder)]
    splits = [split for split in SPLITS if split in names]
    others = [displayable(name) for name in names if name not in SPLITS]
    if "train" not in splits or not folders_in(folder / "train"):
        return []
    if others and len(splits) > 1:
        raise DataUnusable(
            f"{folder} holds {' and '.join(splits)}, which are splits, beside {', '.join(others[:5])}:"
            " keep either splits with a folder for each category in them, or categories alone"
        )
    return [] if others else splits


def folders_in(folder: Path) -> list[Path]:
    """List the sub-folders, sorted; hidden ones are left out. Raises DataUnusable where they cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        _refuse(error)


def files_below(folder: Path) -> list[Path]:
    """List all files, sorted; hidden files and folders are left out. Raises DataUnusable as `folders_in` does."""
    return sorted(_walk(folder))


def name_of(path: Path, folder: Path) -> str:
    """Return the path below `folder`, with `/`, as displayable text."""
    return displayable(path.relative_to(folder).as_posix())


def displayable(name: str) -> str:
    """Escape the bytes of a file name that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(parent, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def _refuse(error: OSError) -> NoReturn:
    message = f"{error.filename} cannot be listed ({error.strerror or error}): make sure you may read it"
    raise DataUnusable(message) from error
