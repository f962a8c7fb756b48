"""`tagger model train FOLDER` can go on from a bundle, leave a category out, and cross-validate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from model import bundle as bundles
from model.bundle import Bundle
from model.classifier import Classifier
from model.evaluation import ood_images
from tests.bundles import KERAS_AND_NUMPY
from tests.cli.models.drawings import Trained, run, write

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(ood_images, "COUNT", 20)


@pytest.fixture(scope="module")
def few(trained: Trained, home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, str]:
    """Train further from the other bundle, without a third category of the photographs; and what it printed."""
    place = tmp_path_factory.mktemp("few")
    shutil.copytree(trained.photographs, place / "shop")
    write(place / "shop", "grain", range(200, 212))
    options = "--per-category", 10, "--leave-out", "grain", "--distort", 1, "--mixup", 0.2, "--size", 64, "--epochs", 1
    options += "--served-size", 80, "--crop", 0.8
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setattr(ood_images, "COUNT", 20)
        done = run(place / "shop", "--start", trained.out, *options, "--out", place / "few")
    assert done.exit_code == 0, done.output
    return bundles.read(place / "few"), done.stderr


def test_a_training_goes_on_from_a_bundle(few: tuple[Bundle, str], trained: Trained) -> None:
    bundle, _ = few

    assert bundle.training["started_from"]["model"] == bundles.read(trained.out).id
    changes = {"distort": 1, "mixup": 0.2, "crop": 0.8}
    assert {name: bundle.training["recipe"][name] for name in changes} == changes
    assert Classifier.load(bundle.folder).bundle.name == "few"


def test_it_takes_so_many_of_a_category_as_it_was_told(few: tuple[Bundle, str]) -> None:
    bundle, printed = few

    assert "20 photographs to train on" in printed
    assert bundle.training["data"]["train"] == 20


def test_a_category_left_out_is_not_known_but_measured(few: tuple[Bundle, str]) -> None:
    bundle, _ = few
    strange = bundle.metrics["unlike_training"]["sources"]["grain"]

    assert bundle.categories == ("disc", "stripes")
    assert strange["images"] == 12
    assert 0 <= strange["auroc"] <= 1


def test_folds_say_how_far_trainings_lie_apart_and_leave_no_bundle(trained: Trained, tmp_path: Path) -> None:
    done = run(trained.photographs, "--folds", 2, "--size", 64, "--epochs", 1, "--out", tmp_path / "drawn")

    assert done.exit_code == 0, done.output
    spread = json.loads((tmp_path / "drawn-spread" / "spread.json").read_text(encoding="utf-8"))
    assert [*spread["accuracies"]] == ["fold 1", "fold 2"]
    assert spread["mean"] > 0.9  # one of the drawings has a wrong label
    assert f"mean {spread['mean']:.2%}" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["drawn-spread"]
