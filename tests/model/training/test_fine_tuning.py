"""Fine-tuning: the teachers it learns from."""

from pathlib import Path

import pytest

from model import bundle as bundles
from model.training.fine_tuning import load_teachers
from tests.bundles import KERAS_AND_NUMPY
from tests.model.versions import outcome, with_test

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def test_two_teachers_of_one_name_are_told_apart_by_their_versions(tmp_path: Path) -> None:
    shipped = bundles.read(bundles.find("fashion-mnist"))
    namesake = with_test(shipped.folder, tmp_path / "another", outcome(100))
    assert namesake.name == shipped.name

    teachers = load_teachers([shipped, namesake])

    assert [*teachers] == [shipped.id, namesake.id]
