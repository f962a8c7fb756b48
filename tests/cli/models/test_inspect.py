"""`tagger model inspect`, as a person types it: everything is told before any training starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.app import app
from tests.cli.models.inspections import RUN, inspected, kinds, save, table
from tests.e2e.deployment import Deployment


def test_a_good_folder_could_be_trained_on(folder: Path) -> None:
    done = RUN.invoke(app, ["model", "inspect", str(folder)])

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "20 photographs, 20 usable",
        "2 categories: bag 10, coat 10",
        "Training can start.",
    ]


def test_a_users_folder_with_everything_wrong_is_told_before_any_training(folder: Path, tmp_path: Path) -> None:
    (folder / "bag" / "broken.jpg").write_bytes((folder / "bag" / "1.jpg").read_bytes()[:500])
    for number in range(3):
        save(folder / "hat" / f"{number}.jpg", 20 + number)
    save(folder / "coat" / "long/coats" / "1.jpg", 30)
    save(folder / "coat" / "also a bag.png", 2, "PNG")
    save(folder / "bag" / "3 copy.jpg", 3)
    save(folder / "bag" / "10.jpg", 32)
    save(folder / "stray.jpg", 31)
    (folder / "scarf").mkdir()
    (folder / "README.md").write_text("not an image, and no trouble")

    done = RUN.invoke(app, ["model", "inspect", str(folder), "--out", str(tmp_path / "out")])
    result = inspected(folder, code=1)

    assert done.exit_code == 1
    assert kinds(result) == {
        "unreadable": [["bag/broken.jpg"]],
        "too_few": [["hat"]],
        "name_with_slash": [["coat/long"]],
        "same_in_two_categories": [["bag/2.jpg", "coat/also a bag.png"]],
        "repeated": [["bag/3.jpg", "bag/3 copy.jpg"]],
        "stray_file": [["stray.jpg"]],
        "empty_category": [["scarf"]],
    }
    for sentence in (
        "bag/broken.jpg: corrupt: ",
        "the category 'hat' has 3 photographs to train on, 10 are needed: add photographs, or leave it out with"
        " --leave-out hat",
        "the folder coat/long is inside a category folder: its files (1) count as coat",
        "bag/2.jpg (bag), coat/also a bag.png (coat) are the same picture: left out,"
        " because it is unclear which category is right",
        "Training cannot start",
        f"report: {tmp_path / 'out' / 'inspection.html'}",
    ):
        assert sentence in done.stdout
    assert json.loads((tmp_path / "out" / "inspection.json").read_text()) == result


def test_a_category_that_is_left_out_stops_nothing(folder: Path) -> None:
    save(folder / "hat" / "summer" / "1.jpg", 20)

    result = inspected(folder, "--leave-out", "hat")

    assert (result["given"], result["findings"], list(result["categories"])) == (20, [], ["bag", "coat"])


def test_the_splits_of_a_folder_are_kept_and_a_copy_in_two_is_told(folder: Path) -> None:
    (folder / "train").mkdir()
    for kind in ("bag", "coat"):
        (folder / kind).rename(folder / "train" / kind)
    save(folder / "test" / "bag" / "1.jpg", 40)
    save(folder / "test" / "bag" / "2.jpg", 2)
    save(folder / "train" / "bag" / "more.jpg", 41)
    (folder / "test" / "coat").mkdir()

    result = inspected(folder)

    assert result["splits"] == {"train": 20, "test": 2}
    assert kinds(result)["same_in_two_splits"] == [["train/bag/2.jpg", "test/bag/2.jpg"]]
    assert kinds(result)["empty_category"] == [["test/coat"]]


def test_the_shared_photographs_can_be_trained_on_but_for_one_pair(photos: Path) -> None:
    result = inspected(photos)

    assert (result["given"], result["usable"], len(result["categories"])) == (3781, 3779, 10)
    assert set(kinds(result)) == {"same_in_two_categories"}


# Wrong calls


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is not a folder: name one"),
        (["empty"], "make a sub-folder for each category"),
        (["bad.csv"], "bad.csv, line 3: the category is empty"),
        (["gone.csv"], "gone.csv cannot be read"),
    ],
)
def test_data_that_cannot_be_used_is_exit_code_3_and_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("key,category\na.jpg,Bag\nb.jpg,\n")

    done = RUN.invoke(app, ["model", "inspect", *arguments])

    assert done.exit_code == 3
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_wrong_data_is_reported_before_a_missing_package(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)

    wrong, right = (RUN.invoke(app, ["model", "inspect", data]) for data in ("nowhere", str(folder)))

    assert (wrong.exit_code, right.exit_code) == (3, 3)
    assert "nowhere is not a folder" in wrong.stderr
    assert "this needs imagehash: pip install" in right.stderr


def test_a_source_that_is_not_there_is_exit_code_3_and_one_line(tmp_path: Path) -> None:
    table(tmp_path / "labels.csv", [("a.jpg", "Bag")])

    done = Deployment(tmp_path).tagger("model", "inspect", "labels.csv", "--images", "nowhere")

    assert done.returncode == 3
    assert "nowhere cannot be listed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["photos", "--images", "photos"],
        ["photos", "--leave-out", "hat"],
        ["photos", "--out", "photos/report"],
        ["s3://bucket/photos"],
        ["catalogue", "--images", "photos"],
        [],
    ],
    ids=[
        "images of a folder",
        "no such category",
        "into the photographs",
        "a bucket",
        "images of the catalogue",
        "none",
    ],
)
def test_a_wrong_call_is_exit_code_2(folder: Path, arguments: list[str]) -> None:
    assert folder == Path.cwd() / "photos"

    assert RUN.invoke(app, ["model", "inspect", *arguments]).exit_code == 2


def test_a_report_that_cannot_be_written_is_exit_code_3(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = RUN.invoke(app, ["model", "inspect", str(folder), "--out", str(tmp_path / "file" / "out")])

    assert done.exit_code == 3
    assert "file/out cannot be used (Not a directory): name another" in done.stderr
