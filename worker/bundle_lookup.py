"""Finding the bundle that a setting, `--model`, a promotion or a row of the catalogue means."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from db import actors, promotions, runs
from db.schema import ModelVersion
from db.session import Sessions, reading
from model import bundle as bundles
from model.bundle import Bundle, BundleNotFound


def resolve(reference: str, folders: Sequence[Path], sessions: Sessions | None) -> Bundle:
    """Read the bundle that TAGGER_MODEL or `--model` means.

    A name alone is the version promoted under it, if the catalogue knows one; `sessions` is None where there is no
    catalogue. `name@version` and paths mean what they say. Raises BundleError.
    """
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
    try:
        return bundles.read(bundles.find(version.bundle_id, folders=folders))
    except BundleNotFound:
        if version.location is None or not Path(version.location).is_dir():
            raise
    bundle = bundles.read(Path(version.location))
    if bundle.version != version.version:
        raise BundleNotFound(
            f"the bundle {version.bundle_id} was at {bundle.folder}, which now holds another version; "
            "put it into the folder that TAGGER_BUNDLES names"
        )
    return bundle


def is_here(version: ModelVersion, folders: Sequence[Path]) -> bool:
    """Tell whether there is a bundle by name and version, or a folder where it was registered; reads no model."""
    try:
        bundles.find(version.bundle_id, folders=folders)
    except BundleNotFound:
        return version.location is not None and Path(version.location).is_dir()
    return True


def register(session: Session, bundle: Bundle) -> ModelVersion:
    """Return the catalogue's row of a bundle, made at its first use."""
    return runs.register_model(session, bundle.name, bundle.version, str(bundle.folder.absolute()))


def _promoted(change: promotions.Change, folders: Sequence[Path]) -> Bundle:
    try:
        return resolve_version(change.model, folders)
    except BundleNotFound as error:
        name, by = change.model.name, actors.name_of(change.actor)
        raise BundleNotFound(
            f"{change.model.bundle_id} is promoted ({change.at:%Y-%m-%d} by {by}), but is not to be found: put "
            f"its folder into the one that TAGGER_BUNDLES names, or go back with `tagger model rollback {name}`"
        ) from error
