"""`tagger model train FOLDER` can go on from a bundle, leave a category out, and cross-validate."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.models.backbone import cache_folder
from model import bundle as bundles
from model.bundle import Bundle
from model.classifier import Classifier
from model.evaluation import ood_images
from model.training.backbones import backbone, efficientnet_lite, weights
from model.training.publishing.export import write_keras
from tests.bundles import KERAS_AND_NUMPY
from tests.cli.models.drawings import drawn_shop, run, write

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture(scope="module", autouse=True)
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep one of the backbone's sixteen blocks, and few features: test_train_photographs trains the whole one."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setattr(ood_images, "COUNT", 20)
        patch.setattr(efficientnet_lite, "STAGES", efficientnet_lite.STAGES[:1])
        patch.setattr(efficientnet_lite, "FEATURES", 64)
        random.seed(0)  # from which Keras draws
        network = backbone.imagenet_classifier(None, size=32)
        arrays = {variable.path: np.asarray(variable) for variable in network.weights}
        weights.write(arrays, cache_folder() / f"{backbone.DEFAULT}.npz", {"source": "chance"})
        yield


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_shop(tmp_path_factory.mktemp("drawn") / "shop")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Make a bundle of such a network from what else the shipped one holds."""
    place = tmp_path_factory.mktemp("other")
    copy = Path(shutil.copytree(bundles.find("fashion-mnist"), place / "copy"))
    write_keras(backbone.classifier(backbone.DEFAULT, None, size=72, categories=2), copy)
    return bundles.save(replace(bundles.read(copy, hash_files=False), name="other"), place / "other")


@pytest.fixture(scope="module")
def few(other: Bundle, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, str]:
    """Train further from the other bundle, without a third category of the photographs; and what it printed."""
    place = tmp_path_factory.mktemp("few")
    shutil.copytree(photographs, place / "shop")
    write(place / "shop", "grain", range(200, 212))
    options = "--per-category", 10, "--leave-out", "grain", "--distort", 1, "--mixup", 0.2, "--size", 64, "--epochs", 1
    options += "--served-size", 80, "--crop", 0.8
    done = run(place / "shop", "--start", other.folder, *options, "--out", place / "few")
    assert done.exit_code == 0, done.output
    return bundles.read(place / "few"), done.stderr


def test_a_training_goes_on_from_a_bundle(few: tuple[Bundle, str], other: Bundle) -> None:
    bundle, _ = few

    assert bundle.training["started_from"]["model"] == other.id
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


def test_folds_say_how_far_trainings_lie_apart_and_leave_no_bundle(photographs: Path, tmp_path: Path) -> None:
    done = run(photographs, "--folds", 2, "--size", 64, "--epochs", 1, "--out", tmp_path / "drawn")

    assert done.exit_code == 0, done.output
    spread = json.loads((tmp_path / "drawn-spread" / "spread.json").read_text(encoding="utf-8"))
    assert [*spread["accuracies"]] == ["fold 1", "fold 2"]
    assert spread["mean"] > 0.9  # one of the drawings has a wrong label
    assert f"mean {spread['mean']:.2%}" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["drawn-spread"]
