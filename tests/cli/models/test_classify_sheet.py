"""`tagger model classify --show`: where a contact sheet is written, and where not."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.models import app
from model import contact_sheet
from tests.model.pictures import encode, photograph

RUN = CliRunner()


@pytest.fixture
def shirt(tmp_path: Path) -> Path:
    path = tmp_path / "a shirt.jpg"
    path.write_bytes(encode(photograph(), "JPEG"))
    return path


def test_several_files_are_rows_of_one_sheet_and_a_bad_one_is_text_alone(shirt: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    out = tmp_path / "seen.png"

    done = RUN.invoke(app, ["classify", str(shirt), str(tmp_path / "text.jpg"), str(shirt), "--show", str(out)])

    assert done.exit_code == 1
    assert f"drawn in {out}" in done.stderr
    with Image.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == contact_sheet.WIDTH
        assert 2 * contact_sheet.PICTURE < sheet.height < 4 * contact_sheet.PICTURE


def test_a_sheet_is_drawn_over_an_earlier_one_but_never_over_a_photograph(shirt: Path, tmp_path: Path) -> None:
    mine, out = tmp_path / "mine.png", tmp_path / "seen.png"
    photograph().save(mine)
    before = mine.read_bytes()

    over_sheet = [RUN.invoke(app, ["classify", str(shirt), "--show", str(out)]).exit_code for _ in range(2)]
    over_mine = RUN.invoke(app, ["classify", str(shirt), "--show", str(mine)])
    swallowed = RUN.invoke(app, ["classify", "--show", str(shirt), str(shirt)])

    assert over_sheet == [0, 0]
    assert (over_mine.exit_code, mine.read_bytes()) == (2, before)
    assert swallowed.exit_code == 2


def test_a_sheet_that_cannot_be_written_is_exit_code_3(shirt: Path, tmp_path: Path) -> None:
    done = RUN.invoke(app, ["classify", str(shirt), "--show", str(tmp_path / "no folder" / "seen.png")])

    assert done.exit_code == 3
    assert done.stderr.splitlines()[-1].startswith("tagger: ")


def test_more_photographs_than_a_sheet_has_room_for_are_refused(shirt: Path, tmp_path: Path) -> None:
    many = [str(shirt)] * (contact_sheet.MOST + 1)

    assert RUN.invoke(app, ["classify", *many, "--show", str(tmp_path / "seen.png")]).exit_code == 2


def test_show_and_json_go_together(shirt: Path, tmp_path: Path) -> None:
    done = RUN.invoke(app, ["classify", str(shirt), "--json", "--show", str(tmp_path / "seen.png")])

    assert json.loads(done.stdout)[0]["file"] == str(shirt)
    assert (tmp_path / "seen.png").is_file()
