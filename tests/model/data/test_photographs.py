"""Folders of labelled photographs: what they hold, and what is wrong with one."""

from pathlib import Path

import pytest

from model.data.photographs import DataUnusable, of_folder
from model.data.products import product_of
from tests.model.data.described import described


def write(folder: Path, *names: str) -> Path:
    """Files whose bytes are their names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def test_a_sub_folder_is_a_category_with_all_files_below_it(tmp_path: Path) -> None:
    write(tmp_path, "shirt/b.jpg", "shirt/a/c.jpg", "hat/a.jpg", "README.md", ".git/x", "hat/.DS_Store", "hat/.x/y.jpg")

    photographs = of_folder(tmp_path)

    assert described(photographs) == [("hat/a.jpg", "hat"), ("shirt/a/c.jpg", "shirt"), ("shirt/b.jpg", "shirt")]
    assert [photograph.read() for photograph in photographs] == [photograph.name.encode() for photograph in photographs]


def test_sub_folders_train_validation_and_test_are_splits(tmp_path: Path) -> None:
    write(tmp_path, "train/hat/a.jpg", "test/hat/b.jpg", "validation/hat/c.jpg", "LICENSE")

    assert described(of_folder(tmp_path)) == [
        ("train/hat/a.jpg", "hat", "train"),
        ("validation/hat/c.jpg", "hat", "validation"),
        ("test/hat/b.jpg", "hat", "test"),
    ]


def test_a_category_may_be_called_train(tmp_path: Path) -> None:
    write(tmp_path, "train/a.jpg", "plane/b.jpg")

    assert described(of_folder(tmp_path)) == [("plane/b.jpg", "plane"), ("train/a.jpg", "train")]


def test_a_pattern_finds_the_product_in_the_path(tmp_path: Path) -> None:
    write(tmp_path, "hat/p1_front.jpg", "hat/other.jpg")

    photographs = of_folder(tmp_path, r"(?P<product>p\d+)_")

    assert described(photographs) == [("hat/other.jpg", "hat"), ("hat/p1_front.jpg", "hat", "p1")]


def test_no_pattern_names_no_product() -> None:
    assert product_of("p17/front.jpg", None) is None


def test_a_file_name_that_is_no_utf8_is_spelt_out(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    (tmp_path / "hat" / "caf\udce9.jpg").touch()

    assert [photograph.name for photograph in of_folder(tmp_path)] == ["hat/caf\\xe9.jpg"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "make a sub-folder for each category"),
        (["a.jpg"], "make a sub-folder for each category"),
        (["train/hat/a.jpg", "test/hat/a.jpg", "coat/a.jpg"], "holds train and test, which are splits, beside coat"),
    ],
)
def test_a_folder_that_is_no_data_set_says_what_to_do(tmp_path: Path, files: list[str], message: str) -> None:
    write(tmp_path, *files)

    with pytest.raises(DataUnusable, match=message):
        of_folder(tmp_path)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataUnusable, match="nowhere is not a folder: name one"):
        of_folder(tmp_path / "nowhere")
