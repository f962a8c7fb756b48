"""`python -m bench.photographs`: how well a bundle does on people's photographs."""

import json
import tempfile
from pathlib import Path

import pytest

from bench import photographs
from bench.variants import VARIANTS
from tests.model.pictures import encode, on_floor


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photographs of each of two categories in `train`."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for kind in ("t-shirt", "shoes"):
        place = tmp_path / "photographs" / "train" / kind
        place.mkdir(parents=True)
        for number in range(3):
            picture, _ = on_floor(150, 60, garment=60 + 50 * number)
            (place / f"{number}.jpg").write_bytes(encode(picture, "JPEG"))
    return tmp_path / "photographs"


def test_each_variant_is_a_row_with_shares_and_milliseconds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [str(folder), "--only", "version 1", "--only", "version 2", "--json"]

    assert photographs.main(asked) == photographs.main(asked) == 0

    done = capsys.readouterr()
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert [row["variant"] for row in first["variants"]] == ["version 1", "version 2"]
    assert first["photographs"] == 6
    assert first["variants"][1]["by_kind"]["t-shirt"] == first["variants"][1]["accuracy"]
    assert {**first, "variants": None} == {**second, "variants": None}
    assert "version 2" in done.err


def test_without_the_folder_it_says_so_and_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert photographs.main([str(tmp_path / "none")]) == 0

    assert "nothing is measured" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, each in VARIANTS.items() if each.there()])
def test_every_variant_gives_an_image_for_the_network(name: str) -> None:
    assert VARIANTS[name].prepare(on_floor(150, 60)[0]).shape == (28, 28, 1)
