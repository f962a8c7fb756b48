"""What a training of Fashion-MNIST learns from."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.lessons import Lessons
from model import bundle as bundles
from tests.cli.models.drawings import plain
from tests.model.conftest import KERAS_AND_NUMPY
from tests.model.versions import outcome, with_test

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def test_two_teachers_of_one_name_are_told_apart_by_their_versions(tmp_path: Path) -> None:
    shipped = bundles.read(bundles.find("fashion-mnist"))
    namesake = with_test(shipped.folder, tmp_path / "another", outcome(100))
    assert namesake.name == shipped.name

    lessons = Lessons.of(None, [str(shipped.folder), str(namesake.folder)])

    assert [*lessons.teachers] == [shipped.id, namesake.id]
    assert lessons.recipe(None, {}).teachers == (shipped.id, namesake.id)


def test_no_more_teachers_are_asked_than_are_there() -> None:
    done = CliRunner().invoke(app, ["model", "train", "fashion-mnist", "--teacher", "fashion-mnist", "--ask", "2"])

    assert done.exit_code == 2
    assert "give as many with --teacher, or more" in plain(done)
