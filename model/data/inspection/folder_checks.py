"""Checks of a folder's layout, before its photographs are read."""

from collections.abc import Collection, Iterator
from pathlib import Path

from model.data.inspection.findings import Finding
from model.data.photographs import CategoryFolder, category_folders, files_below, folders_in, name_of, split_folders
from model.images.file_type import DECODED, type_of

_HEAD = 64  # bytes that tell a file's kind


def check_folder(folder: Path, leave_out: Collection[str] = ()) -> list[Finding]:
    """Find nested folders, empty category folders and images outside them; categories in `leave_out` are skipped.

    Raises DataUnusable as model.data.photographs.of_folder does.
    """
    categories = [category for category in category_folders(folder) if category.name not in leave_out]
    return [*_nested(folder, categories), *_stray(folder), *_empty(folder, categories)]


def _nested(folder: Path, categories: Collection[CategoryFolder]) -> Iterator[Finding]:
    for category in categories:
        for inner in folders_in(category.path):
            count = len(files_below(inner))
            name = name_of(inner, folder)
            outcome = f"its files ({count:,}) count as {category.name}; move it up if it is a category of its own"
            yield Finding("name_with_slash", f"the folder {name} is inside a category folder: {outcome}", (name,))


def _stray(folder: Path) -> Iterator[Finding]:
    for outer in (folder, *(folder / split for split in split_folders(folder))):
        for path in sorted(path for path in outer.iterdir() if path.is_file() and not path.name.startswith(".")):
            if _is_image(path):
                name = name_of(path, folder)
                outcome = "it is not used; move it into the folder of its category"
                yield Finding("stray_file", f"{name} is outside the category folders: {outcome}", (name,))


def _empty(folder: Path, categories: Collection[CategoryFolder]) -> Iterator[Finding]:
    filled = {category.path for category in categories if files_below(category.path)}
    known = {category.name for category in categories if category.path in filled}
    for category in categories:
        if category.path in filled:
            continue
        name = name_of(category.path, folder)
        outcome = f"{category.split} has no {category.name}" if category.name in known else "it is ignored"
        yield Finding("empty_category", f"the folder {name} has no files: {outcome}", (name,))


def _is_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return type_of(file.read(_HEAD)) in DECODED
    except OSError:
        return False
