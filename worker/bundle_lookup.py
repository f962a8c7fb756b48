"""Which folder a bundle is read from: what a setting names, what is promoted, what a row of the catalogue asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from db import actors, promotions, runs
from db.promotions import Change
from db.schema import ModelVersion
from db.session import Sessions, reading
from model import bundle
from model.bundle import Bundle, BundleNotFound


def chosen(reference: str, folders: Sequence[Path], sessions: Sessions | None) -> Path:
    """The folder of the bundle that TAGGER_MODEL or `--model` means.

    A name alone is the version promoted under it, if the catalogue knows one; `sessions` is None where there is no
    catalogue. `name@version` and paths mean what they say. Raises BundleNotFound.
    """
    change = None if sessions is None or not is_name(reference) else _last(sessions, reference)
    return bundle.find(reference, folders=folders) if change is None else _promoted(change, folders)


def is_name(reference: str) -> bool:
    """Neither name@version nor a path; a folder of that name, here, is meant by `./name`."""
    return "@" not in reference and Path(reference).name == reference


def folder_of(wanted: ModelVersion, folders: Sequence[Path]) -> Path:
    """By name and version; a bundle that was given by path, where it was, if it is still the same.

    Raises BundleNotFound.
    """
    try:
        return bundle.find(wanted.bundle_id, folders=folders)
    except BundleNotFound:
        if wanted.location is None or not Path(wanted.location).is_dir():
            raise
    folder = Path(wanted.location)
    if bundle.read(folder).version != wanted.version:
        raise BundleNotFound(
            f"the bundle {wanted.bundle_id} was at {folder}, which now holds another version; "
            "put it into the folder that TAGGER_BUNDLES names"
        )
    return folder


def register(session: Session, bundle: Bundle) -> ModelVersion:
    """Return the catalogue's row of a bundle, made at its first use."""
    return runs.register_model(session, bundle.name, bundle.version, str(bundle.folder.absolute()))


def _last(sessions: Sessions, name: str) -> Change | None:
    with reading(sessions) as session:
        return promotions.standing(session, name).last


def _promoted(change: Change, folders: Sequence[Path]) -> Path:
    try:
        return folder_of(change.model, folders)
    except BundleNotFound as error:
        name, by = change.model.name, actors.name_of(change.actor)
        raise BundleNotFound(
            f"{change.model.bundle_id} is promoted ({change.at:%Y-%m-%d} by {by}), but is not to be found: put "
            f"its folder into the one that TAGGER_BUNDLES names, or go back with `tagger model rollback {name}`"
        ) from error
