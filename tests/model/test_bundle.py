"""Bundles are found by name, read with every check, and saved whole or not at all."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from model import bundle as bundles
from model.bundle import BundleCorrupt, BundleError, BundleNotFound, BundleTooOld

SHIPPED = bundles.SHIPPED / "fashion-mnist"
FILES = sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob("*.*"))


def rewrite(folder: Path, **changes: object) -> None:
    """Change bundle.json without making its version anew."""
    about = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(about | changes))


@pytest.mark.parametrize("name", FILES)
def test_one_altered_byte_in_any_file_makes_the_bundle_corrupt(bundle_copy: Path, name: str) -> None:
    content = bytearray((bundle_copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle_copy / name).write_bytes(content)

    with pytest.raises(BundleCorrupt, match=r"bundle\.json|missing or altered"):
        bundles.read(bundle_copy)


@pytest.mark.parametrize("name", [name for name in FILES if name != "bundle.json"])
def test_a_missing_file_makes_the_bundle_corrupt(bundle_copy: Path, name: str) -> None:
    (bundle_copy / name).unlink()

    with pytest.raises(BundleCorrupt, match=Path(name).name):
        bundles.read(bundle_copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.1},
        {"thresholds": [0.5]},
        {"categories": None},
        {"files": {}},
        {"format_version": "1"},
        {"name": "x"},
    ],
)
def test_a_bundle_json_that_was_edited_is_corrupt(bundle_copy: Path, changes: dict[str, object]) -> None:
    rewrite(bundle_copy, **changes)

    with pytest.raises(BundleCorrupt, match="train it again"):
        bundles.read(bundle_copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_bundle_json_that_is_none_is_corrupt(bundle_copy: Path, text: str) -> None:
    (bundle_copy / "bundle.json").write_text(text)

    with pytest.raises(BundleCorrupt):
        bundles.read(bundle_copy)


def test_an_older_format_is_too_old_and_says_to_train_again(bundle_copy: Path) -> None:
    rewrite(bundle_copy, format_version=0)

    with pytest.raises(BundleTooOld, match="train it again"):
        bundles.read(bundle_copy)


def test_a_newer_format_says_to_update_the_tagger(bundle_copy: Path) -> None:
    rewrite(bundle_copy, format_version=2)

    with pytest.raises(BundleError, match="update the tagger"):
        bundles.read(bundle_copy)


def test_preprocessing_of_another_version_is_too_old(bundle_copy: Path) -> None:
    recipe = json.loads((bundle_copy / "bundle.json").read_text())["preprocessing"]
    rewrite(bundle_copy, preprocessing=recipe | {"version": 0})

    with pytest.raises(BundleTooOld, match="preprocessing fashion-mnist v0"):
        bundles.read(bundle_copy)


def test_an_unknown_name_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match=r"fashion-mnist@[0-9a-f]{12}"):
        bundles.find("hats", folders=[tmp_path])
    with pytest.raises(BundleNotFound):
        bundles.read(tmp_path)


def test_a_bundle_is_found_by_name_version_and_path(bundle_copy: Path) -> None:
    shipped = bundles.read(bundles.find("fashion-mnist"))

    assert shipped.folder == bundles.SHIPPED / "fashion-mnist"
    assert bundles.find(shipped.id) == shipped.folder
    assert bundles.find(shipped.id[:-4]) == shipped.folder
    assert bundles.find(str(bundle_copy)) == bundle_copy
    with pytest.raises(BundleNotFound):
        bundles.find("fashion-mnist@000000000000")


def test_a_folder_of_ones_own_comes_before_the_shipped_ones(bundle_copy: Path) -> None:
    assert bundles.find("fashion-mnist", folders=[bundle_copy.parent]) == bundle_copy


def test_broken_bundles_are_not_available(bundle_copy: Path) -> None:
    both = [bundle.folder for bundle in bundles.available([bundle_copy.parent])]
    (bundle_copy / "golden.npz").unlink()
    sound = [bundle.folder for bundle in bundles.available([bundle_copy.parent])]

    assert both == [bundle_copy, bundles.SHIPPED / "clothing", bundles.SHIPPED / "fashion-mnist"]
    assert sound == both[1:]


def test_a_saved_bundle_replaces_the_one_before_and_leaves_nothing_aside(bundle_copy: Path, tmp_path: Path) -> None:
    destination = tmp_path / "out" / "fashion-mnist"
    again = Path(shutil.copytree(bundle_copy, tmp_path / "again"))
    first = bundles.save(bundles.read(bundle_copy), destination)

    second = bundles.save(replace(bundles.read(again), temperature=2.0), destination)

    assert bundles.read(destination) == second
    assert second.version != first.version
    assert [path.name for path in destination.parent.iterdir()] == ["fashion-mnist"]


def test_the_version_follows_from_the_content(bundle_copy: Path, tmp_path: Path) -> None:
    before = bundles.read(bundle_copy)

    assert bundles.save(before, tmp_path / "other").version == before.version


def test_the_shipped_bundle_is_small() -> None:
    folder = bundles.find("fashion-mnist")
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}

    assert sizes.pop(folder / "model.tflite") < 1_200_000
    assert sizes.pop(folder / "model.keras") < 4_100_000  # a million parameters at most
    assert sum(sizes.values()) < 1_600_000  # the report and what it is made of
