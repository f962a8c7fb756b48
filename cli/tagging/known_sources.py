"""What `tagger run` and `scan` say of a folder whose images the catalogue knows from elsewhere, too."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from db.session import Sessions
    from worker.storage.store import Store

_FOLDER = "file://"


def warn(store: Store, sessions: Sessions) -> None:
    """Say so if images of this folder are tagged twice, or if a known folder is gone and this may be it."""
    from db.operations.selection import present_buckets
    from db.session import reading

    if not store.bucket.startswith(_FOLDER):
        return
    with reading(sessions) as session:
        known = [bucket for bucket in present_buckets(session) if bucket.startswith(_FOLDER)]
    others = {bucket: _path(bucket) for bucket in known if bucket != store.bucket}
    for folder in others.values():
        if relation := _relation(_path(store.bucket), folder):
            _say(
                f"this folder {relation} {folder}, so images are tagged twice",
                "use one of the two, forget the other",
                folder,
            )
            return
    gone = [folder for folder in others.values() if not os.path.lexists(folder)]
    if gone and store.bucket not in known:
        _say(
            f"the folder {gone[0]} is known, but not there",
            "if this is the same one at another place, forget it",
            gone[0],
        )


def _say(what: str, remedy: str, folder: Path) -> None:
    print(f"tagger: {what}; {remedy}: tagger forget --source {shlex.quote(str(folder))}", file=sys.stderr)


def _path(bucket: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(bucket.removeprefix(_FOLDER))))


def _relation(folder: Path, known: Path) -> str | None:
    """Say how two folders lie to each other on disk, whatever links lead to them; None if they are apart."""
    real, other = folder.resolve(), known.resolve()
    if real == other or (known.exists() and folder.samefile(known)):
        return "is by a link the same as"
    if real.is_relative_to(other):
        return "lies in"
    return "lies above" if other.is_relative_to(real) and known.exists() else None
