"""A model and all that belongs to it, in one folder that is checked whenever it is read.

    bundle.json  model.keras  model.tflite  golden.npz  report/

`bundle.json` names every other file with its SHA-256. The version is a hash over all that bundle.json says, so it
stands for the content: two bundles of one version are the same.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.preprocessing import Preprocessing, PreprocessingUnknown, check

FORMAT_VERSION = 1
SHIPPED = Path(__file__).parent / "bundles"
RETRAIN = "train it again with `tagger model train`"


class BundleError(Exception):
    """A bundle cannot be used; the message says what to do."""


class BundleNotFound(BundleError):
    """No bundle answers to that name."""


class BundleCorrupt(BundleError):
    """Files are missing, altered or contradict each other."""


class BundleTooOld(BundleError):
    """Made by an earlier version of this code that this one no longer reads."""


@dataclass(frozen=True)
class Bundle:
    """What bundle.json says. `thresholds` holds one confidence a category; below it a person looks."""

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

    @property
    def id(self) -> str:
        """As it is written into the catalogue: name@version."""
        return f"{self.name}@{self.version}"

    @property
    def size(self) -> int:
        """Height and width of the network's input, in pixels."""
        return self.preprocessing.size

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return self.preprocessing.channels


def find(reference: str, *, folders: Sequence[Path] = ()) -> Path:
    """The folder of a bundle by name, name@version (or the start of one) or path; `folders` before the shipped ones.

    Of several versions in one folder the one trained last. Raises BundleNotFound, listing what there is.
    """
    if (Path(reference) / "bundle.json").is_file():
        return Path(reference)
    name, _, version = reference.partition("@")
    for place in [*folders, SHIPPED]:
        known = [(_identity(path), path) for path in _in_folder(place)]
        fitting = [(it[2], path) for it, path in known if it[0] == name and it[1].startswith(version)]
        if fitting:
            return max(fitting)[1]
    there = ", ".join(sorted({"@".join(_identity(path)[:2]) for path in folders_of_bundles(folders)})) or "none"
    raise BundleNotFound(f"no model bundle {reference!r}: name one of those there are ({there}) or a bundle's folder")


def folders_of_bundles(folders: Sequence[Path] = ()) -> list[Path]:
    """Every folder that claims to be a bundle, in `folders` and among the shipped ones."""
    return [path for place in [*folders, SHIPPED] for path in _in_folder(place)]


def available(folders: Sequence[Path] = ()) -> list[Bundle]:
    """Every bundle in `folders` and among the shipped ones that is sound; the others are left out."""
    return [bundle for path in folders_of_bundles(folders) if (bundle := _sound(path))]


def read(folder: Path) -> Bundle:
    """Read and check a bundle, every file's SHA-256 included; no runtime is started.

    Raises BundleNotFound, BundleCorrupt, BundleTooOld, or BundleError for one from a later version of this code.
    """
    about = _json(folder)
    _check_format(folder, about)
    try:
        bundle = _from_json(folder, about)
        check(bundle.preprocessing)
    except PreprocessingUnknown as error:
        raise BundleTooOld(f"bundle {folder}: {error}: {RETRAIN}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleCorrupt(f"{folder}/bundle.json lacks or garbles {error}: {RETRAIN}") from error
    if _version(about) != bundle.version:
        raise BundleCorrupt(f"{folder}/bundle.json was altered after it was written: {RETRAIN}")
    _check_files(bundle)
    return bundle


def save(bundle: Bundle, destination: Path) -> Bundle:
    """Seal the files that lie in `bundle.folder` with a bundle.json, then move that folder to `destination`.

    A bundle that lay there is replaced as a whole. Returns the bundle as read back.
    """
    files = sorted(path for path in bundle.folder.rglob("*") if path.is_file() and path.name != "bundle.json")
    about = _as_json(bundle, {path.relative_to(bundle.folder).as_posix(): _sha256(path) for path in files})
    about["version"] = _version(about)
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    (bundle.folder / "bundle.json").write_text(text, encoding="utf-8")
    read(bundle.folder)
    destination.parent.mkdir(parents=True, exist_ok=True)
    before = destination.with_name(f".{destination.name}.before")
    if destination.exists():
        destination.rename(before)
    bundle.folder.rename(destination)
    shutil.rmtree(before, ignore_errors=True)
    return read(destination)


def _in_folder(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from sorted(path.parent for path in place.glob("[!.]*/bundle.json"))


def _identity(folder: Path) -> tuple[str, str, str]:
    """Name, version and time of training, unchecked: to find a bundle, before it is read."""
    try:
        about = _json(folder)
    except BundleError:
        return folder.name, "", ""
    training = about.get("training")
    trained_at = training.get("trained_at", "") if isinstance(training, dict) else ""
    return str(about.get("name", folder.name)), str(about.get("version", "")), str(trained_at)


def _sound(folder: Path) -> Bundle | None:
    try:
        return read(folder)
    except BundleError:
        return None


def _json(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleNotFound(f"{folder} holds no readable bundle.json: name another folder") from error
    except ValueError as error:
        raise BundleCorrupt(f"{folder}/bundle.json is no JSON ({error}): {RETRAIN}") from error
    if not isinstance(about, dict):
        raise BundleCorrupt(f"{folder}/bundle.json is no JSON object: {RETRAIN}")
    return about


def _check_format(folder: Path, about: Mapping[str, Any]) -> None:
    made = about.get("format_version")
    if not isinstance(made, int):
        raise BundleCorrupt(f"{folder}/bundle.json has no format_version: {RETRAIN}")
    if made < FORMAT_VERSION:
        raise BundleTooOld(f"bundle {folder} has format {made}, this is for {FORMAT_VERSION}: {RETRAIN}")
    if made > FORMAT_VERSION:
        raise BundleError(f"bundle {folder} has format {made}, newer than {FORMAT_VERSION}: update the tagger")


def _check_files(bundle: Bundle) -> None:
    missing = {"model.keras", "model.tflite", "golden.npz"} - set(bundle.files)
    altered = [name for name, digest in bundle.files.items() if not _holds(bundle.folder / name, digest)]
    if missing or altered:
        which = ", ".join(sorted([*missing, *altered]))
        raise BundleCorrupt(f"bundle {bundle.folder}: {which} missing or altered: fetch the bundle again")


def _holds(path: Path, digest: str) -> bool:
    return path.is_file() and _sha256(path) == digest


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _version(about: Mapping[str, Any]) -> str:
    content = {key: value for key, value in about.items() if key != "version"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _as_json(bundle: Bundle, files: Mapping[str, str]) -> dict[str, Any]:
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
    }


def _from_json(folder: Path, about: Mapping[str, Any]) -> Bundle:
    recipe = about["preprocessing"]
    bundle = Bundle(
        folder=folder,
        name=str(about["name"]),
        version=str(about["version"]),
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
