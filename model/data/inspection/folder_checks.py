"""Checks of a folder's layout, before its photographs are read."""

from collections.abc import Collection, Iterator
from pathlib import Path

from model.data.inspection.findings import Finding
from model.data.photographs import Place, files_below, folders_in, name_of, places, split_folders
from model.images.file_type import DECODED, kind_of

_HEAD = 64  # bytes that tell a file's kind


def check_folder(folder: Path, leave_out: Collection[str] = ()) -> list[Finding]:
    """Find nested folders, empty category folders and images outside them; categories in `leave_out` are skipped.

    Raises DataUnusable as model.data.photographs.of_folder does.
    """
    categories = [place for place in places(folder) if place.category not in leave_out]
    return [*_nested(folder, categories), *_stray(folder), *_empty(folder, categories)]


def _nested(folder: Path, categories: Collection[Place]) -> Iterator[Finding]:
    for place in categories:
        for inner in folders_in(place.path):
            count = len(files_below(inner))
            name = name_of(inner, folder)
            outcome = f"its files ({count:,}) count as {place.category}; move it up if it is a category of its own"
            yield Finding("name_with_slash", f"the folder {name} is inside a category folder: {outcome}", (name,))


def _stray(folder: Path) -> Iterator[Finding]:
    for outer in (folder, *(folder / split for split in split_folders(folder))):
        for path in sorted(path for path in outer.iterdir() if path.is_file() and not path.name.startswith(".")):
            if _is_image(path):
                name = name_of(path, folder)
                outcome = "it is not used; move it into the folder of its category"
                yield Finding("stray_file", f"{name} is outside the category folders: {outcome}", (name,))


def _empty(folder: Path, categories: Collection[Place]) -> Iterator[Finding]:
    filled = {place.path for place in categories if files_below(place.path)}
    known = {place.category for place in categories if place.path in filled}
    for place in categories:
        if place.path in filled:
            continue
        name = name_of(place.path, folder)
        outcome = (
            f"{place.split} has no {place.category}" if place.category in known else "it is not used as a category"
        )
        yield Finding("empty_category", f"the folder {name} has no files: {outcome}", (name,))


def _is_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return kind_of(file.read(_HEAD)) in DECODED
    except OSError:
        return False
