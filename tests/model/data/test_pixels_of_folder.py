"""A folder of photographs, a sub-folder a category, is read as it would be tagged; nothing in it is fatal."""

from pathlib import Path

import numpy as np
import pytest

from model.classifier import Classifier
from model.data.dataset import DataMissing
from model.data.pixels import UNKNOWN, LabelledImages, count_reasons, read_folder
from model.decisions.categories import FASHION_MNIST
from model.images.preprocessing import FASHION_MNIST as SPEC
from tests.model.pictures import encode, noise, photograph


def save(place: Path, data: bytes | None = None) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(encode(photograph(), "JPEG") if data is None else data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "Dress" / "b.jpg")
    save(tmp_path / "Dress" / "more" / "a.png", encode(noise(1), "PNG"))
    save(tmp_path / "t-shirt_top" / "a.jpg")
    save(tmp_path / "pants" / "a.jpg")
    save(tmp_path / "hat" / "a.jpg")
    return tmp_path


def labelled_images(folder: Path, **names: str) -> LabelledImages:
    return read_folder(folder, FASHION_MNIST, SPEC, names)


def test_a_sub_folder_is_a_category_whatever_its_case_and_signs(folder: Path) -> None:
    labelled = labelled_images(folder)

    labels = dict(zip(labelled.names, labelled.labels.tolist(), strict=True))

    assert labels == {
        "Dress/b.jpg": 3,
        "Dress/more/a.png": 3,
        "hat/a.jpg": UNKNOWN,
        "pants/a.jpg": UNKNOWN,
        "t-shirt_top/a.jpg": 0,
    }


def test_a_mapped_folder_gets_its_category(folder: Path) -> None:
    mapped = labelled_images(folder, pants="Trouser")

    assert mapped.labels[mapped.folders.index("pants")] == 1
    assert mapped.unknown_folders == {"hat": 1}


def test_images_are_what_the_classifier_would_see(folder: Path, shipped: Classifier) -> None:
    labelled = read_folder(folder, FASHION_MNIST, shipped.bundle.preprocessing, {})

    served = [shipped.prepare((folder / name).read_bytes()) for name in labelled.names]

    np.testing.assert_array_equal(labelled.images, np.stack(served))


def test_broken_files_are_listed_by_reason_and_the_others_read(folder: Path) -> None:
    save(folder / "Dress" / "empty.jpg", b"")
    save(folder / "Dress" / "notes.txt", b"no picture")
    (folder / "Dress" / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / ".hidden").mkdir()
    save(folder / "Dress" / ".DS_Store", b"x")

    labelled = labelled_images(folder)

    assert count_reasons(labelled.rejected) == {"empty": 1, "unsupported_format": 1}
    assert {file.name for file in labelled.rejected} == {"Dress/empty.jpg", "Dress/notes.txt"}
    assert len(labelled.labels) == 5


@pytest.mark.parametrize(
    ("names", "message"),
    [({"trousers": "Trouser"}, "no folder 'trousers' to map"), ({"pants": "Skirt"}, "'Skirt' is not a category")],
)
def test_a_wrong_map_is_told_with_what_there_is(folder: Path, names: dict[str, str], message: str) -> None:
    with pytest.raises(DataMissing, match=message):
        labelled_images(folder, **names)


def test_a_folder_without_any_known_category_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    for name in ("Dress", "t-shirt_top"):
        (folder / name).rename(folder / f"x{name}")

    with pytest.raises(DataMissing, match=r"sub-folders are hat, pants, .*--map FOLDERNAME=CATEGORY"):
        labelled_images(folder)
    with pytest.raises(DataMissing, match="is not a folder"):
        labelled_images(tmp_path / "nowhere")
    with pytest.raises(DataMissing, match="none with images"):
        labelled_images(tmp_path / "xDress" / "more")
