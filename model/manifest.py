"""The manifest, bundle.json: read, written, and checked against the files beside it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model import ModelError
from model.images.preprocessing import Preprocessing

FORMAT_VERSION = 1
RETRAIN = "train it again with `tagger model train`"
NEEDED = frozenset({"model.keras", "model.tflite", "golden.npz"})


class BundleError(ModelError):
    """A bundle cannot be used; the message says what to do."""


class BundleNotFound(BundleError):
    """No bundle has that name."""


class BundleCorrupt(BundleError):
    """Files of a bundle are missing, altered or contradict each other."""


class BundleTooOld(BundleError):
    """A bundle was made by an earlier version of this code, whose format this one no longer reads."""


@dataclass(frozen=True)
class Bundle:
    """The content of bundle.json. `thresholds` holds a confidence for each category, below which images are reviewed.

    `purpose` says in a sentence what it is for; it is empty in bundles made before 2026-11-24 (model.summary.purpose).
    """

    folder: Path
    name: str
    categories: tuple[str, ...]
    preprocessing: Preprocessing
    temperature: float
    thresholds: tuple[float, ...]
    target_precision: float
    ood: Mapping[str, float] | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    purpose: str = ""

    @property
    def id(self) -> str:
        """name@version, as it is written into the catalogue."""
        return f"{self.name}@{self.version}"

    @property
    def size(self) -> int:
        """Height and width of the network's input, in pixels."""
        return self.preprocessing.size

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return self.preprocessing.channels


def load(folder: Path) -> dict[str, Any]:
    """Read bundle.json, unchecked. Raises BundleNotFound or BundleCorrupt."""
    try:
        about = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleNotFound(f"{folder} holds no readable bundle.json: name another folder") from error
    except ValueError as error:
        raise BundleCorrupt(f"{folder}/bundle.json is no JSON ({error}): {RETRAIN}") from error
    if not isinstance(about, dict):
        raise BundleCorrupt(f"{folder}/bundle.json is no JSON object: {RETRAIN}")
    return about


def check_format(folder: Path, about: Mapping[str, Any]) -> None:
    """Raise BundleTooOld, BundleCorrupt, or BundleError for a format of the future."""
    version = about.get("format_version")
    if not isinstance(version, int):
        raise BundleCorrupt(f"{folder}/bundle.json has no format_version: {RETRAIN}")
    if version < FORMAT_VERSION:
        raise BundleTooOld(f"bundle {folder} has format {version}, this is for {FORMAT_VERSION}: {RETRAIN}")
    if version > FORMAT_VERSION:
        raise BundleError(f"bundle {folder} has format {version}, newer than {FORMAT_VERSION}: update the tagger")


def check_files(bundle: Bundle, *, hash_files: bool) -> None:
    """Raise BundleCorrupt when a file is missing or, if files are to be hashed, altered."""
    missing = NEEDED - set(bundle.files)
    altered = [
        name
        for name, digest in bundle.files.items()
        if not (path := bundle.folder / name).is_file() or (hash_files and sha256(path) != digest)
    ]
    if missing or altered:
        which = ", ".join(sorted([*missing, *altered]))
        raise BundleCorrupt(f"bundle {bundle.folder}: {which} missing or altered: fetch the bundle again")


def sha256(path: Path) -> str:
    """Hash a file; the digest is in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def version_of(about: Mapping[str, Any]) -> str:
    """Return the first 12 hex digits of a hash over all that bundle.json says, files included."""
    content = {key: value for key, value in about.items() if key != "version"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def as_json(bundle: Bundle, files: Mapping[str, str]) -> dict[str, Any]:
    """Return what bundle.json holds; the version is still to be filled in."""
    return {
        "format_version": FORMAT_VERSION,
        "name": bundle.name,
        "version": "",
        "categories": list(bundle.categories),
        "preprocessing": bundle.preprocessing.as_json(),
        "temperature": bundle.temperature,
        "thresholds": list(bundle.thresholds),
        "target_precision": bundle.target_precision,
        "ood": bundle.ood,
        "metrics": bundle.metrics,
        "training": bundle.training,
        "files": dict(files),
    } | ({"purpose": bundle.purpose} if bundle.purpose else {})  # so that older bundles keep their version


def from_json(folder: Path, about: Mapping[str, Any]) -> Bundle:
    """Make a Bundle of what bundle.json holds.

    Raises KeyError, TypeError, ValueError or AttributeError where something is missing or garbled.
    """
    recipe = about["preprocessing"]
    bundle = Bundle(
        folder=folder,
        name=str(about["name"]),
        version=str(about["version"]),
        purpose=str(about.get("purpose", "")),
        categories=tuple(map(str, about["categories"])),
        preprocessing=Preprocessing(
            recipe["name"], int(recipe["version"]), int(recipe["size"]), int(recipe["channels"]), recipe["parameters"]
        ),
        temperature=float(about["temperature"]),
        thresholds=tuple(map(float, about["thresholds"])),
        target_precision=float(about["target_precision"]),
        ood=about["ood"],
        metrics=dict(about["metrics"]),
        training=dict(about["training"]),
        files=dict(about["files"]),
    )
    if len(bundle.thresholds) != len(bundle.categories) or bundle.temperature <= 0:
        raise ValueError("thresholds or temperature")
    return bundle
