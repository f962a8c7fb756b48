"""Finding the bundle that a setting, `--model`, a promotion or a row of the catalogue means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from db import actors, promotions, runs
from db.session import Sessions, reading

if TYPE_CHECKING:  # numpy and Pillow come with it, which most commands do without
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from db.schema import ModelVersion
    from model.bundle import Bundle


def resolve(reference: str, folders: Sequence[Path], sessions: Sessions | None) -> Bundle:
    """Read the bundle that TAGGER_MODEL or `--model` means.

    A name alone is the version promoted under it, if the catalogue knows one; `sessions` is None where there is no
    catalogue. `name@version` and paths mean what they say. Raises BundleError.
    """
    from model import bundle as bundles

    if sessions is not None and is_name(reference):
        with reading(sessions) as session:
            change = promotions.standing(session, reference).last
        if change is not None:
            return _promoted(change, folders)
    return bundles.read(bundles.find(reference, folders=folders))


def is_name(reference: str) -> bool:
    """Tell whether a reference is a name alone, not name@version or a path; a folder here is `./name`."""
    return "@" not in reference and Path(reference).name == reference


def resolve_version(version: ModelVersion, folders: Sequence[Path]) -> Bundle:
    """Read a bundle by name and version, or at the path where it was registered, if it is still the same.

    Raises BundleError.
    """
    from model import bundle as bundles

    try:
        return bundles.read(bundles.find(version.bundle_id, folders=folders))
    except bundles.BundleNotFound:
        if version.location is None or not Path(version.location).is_dir():
            raise
    bundle = bundles.read(Path(version.location))
    if bundle.version != version.version:
        raise bundles.BundleNotFound(
            f"the bundle {version.bundle_id} was at {bundle.folder}, which now holds another version; "
            "put it into the folder that TAGGER_BUNDLES names"
        )
    return bundle


def is_here(version: ModelVersion, folders: Sequence[Path]) -> bool:
    """Tell whether there is a bundle by name and version, or a folder where it was registered; reads no model."""
    from model import bundle as bundles

    try:
        bundles.find(version.bundle_id, folders=folders)
    except bundles.BundleNotFound:
        return version.location is not None and Path(version.location).is_dir()
    return True


def register(session: Session, bundle: Bundle) -> ModelVersion:
    """Return the catalogue's row of a bundle, made at its first use."""
    return runs.register_model(session, bundle.name, bundle.version, str(bundle.folder.absolute()))


def _promoted(change: promotions.Change, folders: Sequence[Path]) -> Bundle:
    from model.bundle import BundleNotFound

    try:
        return resolve_version(change.model, folders)
    except BundleNotFound as error:
        name, by = change.model.name, actors.name_of(change.actor)
        raise BundleNotFound(
            f"{change.model.bundle_id} is promoted ({change.at:%Y-%m-%d} by {by}), but is not to be found: put "
            f"its folder into the one that TAGGER_BUNDLES names, or go back with `tagger model rollback {name}`"
        ) from error
