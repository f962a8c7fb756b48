"""Labelled photographs are listed without a terminal, and read on demand."""

from pathlib import Path

import pytest

from db.session import Sessions
from model.images.decoding import ImageRejected
from worker.labelled_photographs import CATALOGUE, is_folder, is_table, open_photographs
from worker.settings import Settings


def no_catalogue() -> Sessions:
    raise AssertionError("a folder or a table needs no catalogue")


def test_a_table_names_photographs_that_are_read_on_demand(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("key,category\na.jpg,Hat\nb.jpg,Coat\ngone.jpg,Coat\n")
    (tmp_path / "a.jpg").write_bytes(b"first")
    (tmp_path / "b.jpg").write_bytes(b"second")
    lines: list[str] = []

    hat, coat, gone = open_photographs(
        str(tmp_path / "labels.csv"), None, Settings(), open_catalogue=no_catalogue, announce=lines.append
    )
    (tmp_path / "b.jpg").write_bytes(b"changed since")

    assert [hat.category, coat.category] == ["Hat", "Coat"]
    assert hat.read() == b"first"
    for photograph, reason in ((coat, "changed_during_read"), (gone, "not_found")):
        with pytest.raises(ImageRejected) as rejected:
            photograph.read()
        assert rejected.value.reason == reason
    assert lines == [f"listing {tmp_path} …"]


def test_a_folder_is_what_it_is_named_even_if_it_looks_like_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos.csv" / "hat").mkdir(parents=True)
    (tmp_path / "photos.csv" / "hat" / "a.jpg").touch()
    (tmp_path / CATALOGUE).mkdir()
    monkeypatch.chdir(tmp_path)

    [photograph] = open_photographs("photos.csv", None, Settings(), open_catalogue=no_catalogue)

    assert (photograph.name, photograph.category) == ("hat/a.jpg", "hat")
    assert not is_table("photos.csv")
    assert not is_folder(CATALOGUE)
    assert is_folder(f"./{CATALOGUE}")
