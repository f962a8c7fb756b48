"""What a source leaves out: hidden files, and what other programs keep beside the images."""

import re
from collections.abc import Callable
from fnmatch import translate

Ignored = Callable[[str], bool]
"""Tells whether a file or folder of this name is left out."""

NOTHING = "none"
HIDDEN_AND_FOREIGN = (
    ".*,@eaDir,#recycle,#snapshot,$RECYCLE.BIN,System Volume Information,lost+found,__MACOSX,"
    "Thumbs.db,ehthumbs.db,desktop.ini,*_$folder$"
)


def take_all(_: str) -> bool:
    return False


def ignored_names(patterns: str) -> Ignored:
    """Match names by patterns with `*` and `?` between commas, in letters of any case; `none` matches nothing."""
    given = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    if given in ([], [NOTHING]):
        return take_all
    match = re.compile("|".join(map(translate, given)), re.IGNORECASE).match
    return lambda name: match(name) is not None


def is_below_ignored(ignored: Ignored, prefix: str, key: str) -> bool:
    """Tell whether a key has such a name after the prefix that somebody asked for."""
    asked_for = prefix.count("/") if prefix.endswith("/") or not prefix else prefix.count("/") + 1
    return any(map(ignored, key.split("/")[asked_for:]))
