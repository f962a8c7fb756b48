"""Bundles: a model and all that belongs to it, in one folder that is checked whenever it is read.

    bundle.json  model.keras  model.tflite  golden.npz  validation.npz  test.npz  novelty.npz  report/

`bundle.json` names every other file with its SHA-256. The version is a hash over all that bundle.json says, so it
stands for the content: two bundles of one version are the same.

Most who read a bundle decode no image, so whatever takes numpy and Pillow is imported where it is needed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from model import manifest
from model.images.preprocessing import PreprocessingUnknown, check
from model.manifest import (
    RETRAIN as RETRAIN,
    Bundle as Bundle,
    BundleCorrupt as BundleCorrupt,
    BundleError as BundleError,
    BundleNotFound as BundleNotFound,
    BundleTooOld as BundleTooOld,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model.decisions.ood import OodDetector
    from model.decisions.thresholds import ReviewPolicy, ValidationOutcomes

SHIPPED = Path(__file__).parent / "bundles"
VALIDATION = "validation.npz"
"""Outcomes on the validation images: see model.decisions.thresholds.ValidationOutcomes."""
TEST = "test.npz"  # outcomes on the test images, in their order: bundles are compared by them
OOD_DETECTOR = "novelty.npz"
"""The statistics of the training's features: see model.decisions.ood.OodDetector."""


def find(reference: str, *, folders: Sequence[Path] = ()) -> Path:
    """Find a bundle's folder by name, name@version (or the start of one) or path, in `folders` before the shipped ones.

    Of several versions in one folder, the one trained last is taken. Raises BundleNotFound, listing what there is.
    """
    if (Path(reference) / "bundle.json").is_file():
        return Path(reference)
    name, _, version = reference.partition("@")
    for place in [*folders, SHIPPED]:
        known = [(*_identity(path), path) for path in _in_folder(place)]
        matches = [(trained_at, path) for n, v, trained_at, path in known if n == name and v.startswith(version)]
        if matches:
            return max(matches)[1]
    names = ", ".join(sorted({"@".join(_identity(path)[:2]) for path in folders_of_bundles(folders)})) or "none"
    raise BundleNotFound(f"no model bundle {reference!r}: name one of those there are ({names}) or a bundle's folder")


def folders_of_bundles(folders: Sequence[Path] = ()) -> list[Path]:
    """List every folder that claims to be a bundle, in `folders` and among the shipped ones."""
    return [path for place in [*folders, SHIPPED] for path in _in_folder(place)]


def available(folders: Sequence[Path] = ()) -> list[Bundle]:
    """List the bundles in `folders` and among the shipped ones that have a sound bundle.json and all their files.

    This is for describing bundles, not for running them: the content of the files is not checked.
    """
    bundles = []
    for path in folders_of_bundles(folders):
        with contextlib.suppress(BundleError):
            bundles.append(read(path, hash_files=False))
    return bundles


def read(folder: Path, *, hash_files: bool = True) -> Bundle:
    """Read and check a bundle, with every file's SHA-256 unless `hash_files` is off; no runtime is started.

    Raises BundleNotFound, BundleCorrupt, BundleTooOld, or BundleError for one from a later version of this code.
    """
    about = manifest.load(folder)
    manifest.check_format(folder, about)
    try:
        bundle = manifest.from_json(folder, about)
        check(bundle.preprocessing)
    except PreprocessingUnknown as error:
        raise BundleTooOld(f"bundle {folder}: {error}: {RETRAIN}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleCorrupt(f"{folder}/bundle.json lacks or garbles {error}: {RETRAIN}") from error
    if manifest.version_of(about) != bundle.version:
        raise BundleCorrupt(f"{folder}/bundle.json was altered after it was written: {RETRAIN}")
    manifest.check_files(bundle, hash_files=hash_files)
    return bundle


def thresholds(bundle: Bundle, policy: ReviewPolicy) -> tuple[float, ...]:
    """Return a threshold for each category: the bundle's own, or chosen anew from its validation outcomes.

    Raises BundleError when the bundle kept none of those.
    """
    from model.decisions.thresholds import AS_MADE, choose_thresholds

    if policy == AS_MADE:
        return bundle.thresholds
    outcomes = validation_outcomes(bundle)
    if outcomes is None:
        raise BundleError(
            f"{bundle.id} was made before thresholds could be chosen anew: {RETRAIN},"
            " or set neither TAGGER_TARGET_PRECISION nor TAGGER_REVIEW_BUDGET"
        )
    return choose_thresholds(outcomes, len(bundle.categories), policy)


def validation_outcomes(bundle: Bundle) -> ValidationOutcomes | None:
    """Read the outcomes on the validation images; None for bundles that kept none."""
    return _outcomes(bundle, VALIDATION)


def test_outcomes(bundle: Bundle) -> ValidationOutcomes | None:
    """Read the outcomes on the test images, whose digest is `metrics["test_data"]`; None for bundles that kept none."""
    return _outcomes(bundle, TEST)


def _outcomes(bundle: Bundle, name: str) -> ValidationOutcomes | None:
    from model.decisions.thresholds import ValidationOutcomes

    return ValidationOutcomes.read(bundle.folder / name) if name in bundle.files else None


def ood_detector(bundle: Bundle) -> OodDetector | None:
    """Read the out-of-distribution detector; None for bundles made without one."""
    from model.decisions.ood import OodDetector

    return OodDetector.read(bundle.folder / OOD_DETECTOR) if bundle.ood and OOD_DETECTOR in bundle.files else None


def save(bundle: Bundle, destination: Path) -> Bundle:
    """Seal the files in `bundle.folder` with a bundle.json, then move that folder to `destination`.

    A bundle already there is replaced as a whole. Returns the bundle as read back.
    """
    files = sorted(path for path in bundle.folder.rglob("*") if path.is_file() and path.name != "bundle.json")
    about = manifest.as_json(
        bundle, {path.relative_to(bundle.folder).as_posix(): manifest.sha256(path) for path in files}
    )
    about["version"] = manifest.version_of(about)
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
    """Return name, version and time of training, unchecked, to find a bundle before it is read."""
    try:
        about = manifest.load(folder)
    except BundleError:
        return folder.name, "", ""
    training = about.get("training")
    trained_at = training.get("trained_at", "") if isinstance(training, dict) else ""
    return str(about.get("name", folder.name)), str(about.get("version", "")), str(trained_at)
