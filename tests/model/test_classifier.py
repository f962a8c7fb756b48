"""The shipped bundle at work, on both runtimes, with and without TensorFlow at hand."""

import csv
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import bundle as bundles
from model.bundle import BundleCorrupt
from model.classifier import Classifier
from model.decisions.taxonomy import Taxonomy
from model.images.decoding import ImageRejected
from tests.bundles import KERAS_AND_NUMPY
from tests.model.pictures import SHARED, encode, noise, photograph
from tests.model.taxonomies import SAMPLE

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def samples(shipped: Classifier) -> tuple[np.ndarray, list[str]]:
    """Prepare the sample images, and read their categories."""
    with (SAMPLES / "labels.csv").open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    images = [shipped.prepare((SAMPLES / "images" / row["key"]).read_bytes()) for row in rows]
    return np.stack(images), [row["category"] for row in rows]


def test_the_samples_are_ten_of_each_category_and_match_their_labels(samples: tuple[np.ndarray, list[str]]) -> None:
    images, categories = samples

    assert len(images) == len(list((SAMPLES / "images").iterdir())) == 100
    assert {category: categories.count(category) for category in categories} == dict.fromkeys(categories, 10)
    assert categories != sorted(categories)


def test_the_samples_are_right_as_often_as_the_bundle_claims(
    shipped: Classifier, samples: tuple[np.ndarray, list[str]]
) -> None:
    claimed = shipped.bundle.metrics["test"]["accuracy"]

    categories = [prediction.category for prediction in shipped.classify(samples[0])]

    right = np.mean([one == other for one, other in zip(categories, samples[1], strict=True)])
    assert abs(right - claimed) < 3.5 * (claimed * (1 - claimed) / 100) ** 0.5


def test_the_bundle_claims_what_was_asked_of_it(shipped: Classifier) -> None:
    """Line by line; what passes without a review is what nothing flags, for confidence or for `unlike_training`."""
    metrics, trained = shipped.bundle.metrics, shipped.bundle.training
    test, ood = metrics["test"], metrics["unlike_training"]

    assert min(test["accuracy"], test["macro_f1"]) >= 0.955
    assert test["f1"]["Shirt"] >= 0.86
    assert trained["parameters"] <= 1_000_000
    assert metrics["tflite_bytes"] <= 1_200_000
    assert test["ece"] <= 0.01
    assert shipped.bundle.target_precision == 0.99
    assert test["unreviewed"] >= 0.85
    assert test["unreviewed_precision"] >= 0.987
    assert test["accuracy_at_coverage"]["0.90"] >= 0.985
    assert metrics["agreement"]["test"] >= 0.998
    assert metrics["test_accuracy_tensorflow"] - test["accuracy"] <= 0.0005
    assert ood["auroc"]["combined"] >= 0.95
    assert ood["false_alarms"] <= 0.01


@pytest.mark.filterwarnings(KERAS_AND_NUMPY)
def test_both_runtimes_agree(shipped: Classifier, samples: tuple[np.ndarray, list[str]]) -> None:
    reference = Classifier.load(shipped.bundle.folder, "tensorflow")

    one, other = shipped.scores(samples[0]), reference.scores(samples[0])

    assert np.abs(one - other).max() < 0.1
    assert (one.argmax(1) == other.argmax(1)).mean() >= 0.98


def test_scores_are_calibrated_probabilities_in_the_order_of_the_categories(shipped: Classifier) -> None:
    prediction = shipped.classify(shipped.prepare(encode(photograph(), "JPEG"))[None])[0]

    assert prediction.scores.shape == (10,)
    assert prediction.scores.dtype == np.float32
    assert prediction.scores.sum() == pytest.approx(1, abs=1e-5)
    assert prediction.confidence == prediction.scores.max()
    assert prediction.category == shipped.bundle.categories[prediction.scores.argmax()]


def test_what_is_unlike_training_or_below_its_threshold_is_reviewed_and_nothing_else(
    shipped: Classifier, samples: tuple[np.ndarray, list[str]]
) -> None:
    predictions = shipped.classify(samples[0])
    ood = shipped.bundle.ood

    assert ood is not None
    for prediction in predictions:
        threshold = shipped.rule.thresholds[shipped.bundle.categories.index(prediction.category)]
        unlike = prediction.ood_score is not None and prediction.ood_score > ood["threshold"]
        unsure = "low_confidence" if prediction.confidence < threshold else None
        assert prediction.review_reason == ("unlike_training" if unlike else unsure)
        assert prediction.needs_review == (prediction.review_reason is not None)
    assert 0 < sum(prediction.needs_review for prediction in predictions) < 100


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 130])
def test_scores_do_not_depend_on_how_many_images_come_at_once(shipped: Classifier, count: int) -> None:
    images = np.stack([np.asarray(noise(seed, (28, 28), channels=1))[..., None] for seed in range(count + 1)])[:count]

    together = shipped.scores(images)

    assert together.shape == (count, 10)
    for index in range(0, count, 40):
        assert (together[index] == shipped.scores(images[index : index + 1])[0]).all()


def test_several_threads_may_prepare_at_once(shipped: Classifier) -> None:
    files = [encode(photograph(200 + number, 300), "JPEG") for number in range(24)]

    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(shipped.prepare, files))

    assert all((one == shipped.prepare(file)).all() for one, file in zip(together, files, strict=True))


def test_a_bad_file_is_rejected_with_its_reason(shipped: Classifier) -> None:
    with pytest.raises(ImageRejected, match="unsupported_format"):
        shipped.prepare(b"no picture at all")


def test_golden_images_that_get_other_scores_make_the_bundle_corrupt(bundle_copy: Path, tmp_path: Path) -> None:
    with np.load(bundle_copy / "golden.npz") as golden:
        arrays = {name: golden[name] for name in golden.files}
    np.savez_compressed(bundle_copy / "golden.npz", **arrays | {"litert": arrays["litert"][::-1]})
    resealed = bundles.save(_over_files_in(bundle_copy), tmp_path / "x")

    with pytest.raises(BundleCorrupt, match="golden images"):
        Classifier.load(resealed.folder)


def _over_files_in(folder: Path) -> bundles.Bundle:
    """Describe other files as the shipped bundle, to be sealed."""
    return replace(bundles.read(bundles.find("fashion-mnist")), folder=folder)


def test_a_tflite_that_is_none_makes_the_bundle_corrupt(bundle_copy: Path, tmp_path: Path) -> None:
    (bundle_copy / "model.tflite").write_bytes(b"nonsense" * 100)
    resealed = bundles.save(_over_files_in(bundle_copy), tmp_path / "x")

    with pytest.raises(BundleCorrupt, match="litert cannot run"):
        Classifier.load(resealed.folder)


def test_loading_takes_less_than_three_tenths_of_a_second_of_cpu() -> None:
    folder = bundles.find("fashion-mnist")
    Classifier.load(folder)

    began = time.process_time()
    Classifier.load(folder)

    assert time.process_time() - began < 0.3


def test_classifying_needs_no_tensorflow() -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(("tensorflow", "keras", "sklearn", "matplotlib")))  # importing these now fails
from pathlib import Path
from model import bundle, classifier
model = classifier.Classifier.load(bundle.find("fashion-mnist"))
image = model.prepare(Path("samples/images/0001.png").read_bytes())
print(model.classify(image[None])[0].category)
assert not [name for name, module in sys.modules.items() if module and name.split(".")[0] in ("tensorflow", "keras")]
"""
    environment = {"PATH": os.environ["PATH"]}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SAMPLES.parent, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in bundles.read(bundles.find("fashion-mnist")).categories


def test_every_one_of_the_shared_test_photographs_gets_a_prediction(shipped: Classifier) -> None:
    photos = sorted((SHARED / "test").rglob("*.jpg"))
    if not photos:
        pytest.skip("the shared photographs are not beside this checkout")

    with ThreadPoolExecutor(4) as threads:
        images = np.stack(list(threads.map(lambda path: shipped.prepare(path.read_bytes()), photos)))
    predictions = shipped.classify(images)

    assert len(predictions) == len(photos) == 372
    assert all(0.1 <= prediction.confidence <= 1 for prediction in predictions)


def test_the_shipped_bundle_tags_with_a_shops_categories_and_keeps_its_own_scores(shipped: Classifier) -> None:
    shop = Taxonomy.read(SAMPLE)
    own = Classifier.load(bundles.find("fashion-mnist"), taxonomy=shop, coarse=True)
    images = np.stack([shipped.prepare(path.read_bytes()) for path in sorted((SAMPLE.parent / "images").iterdir())])

    before, after = shipped.classify(images), own.classify(images)

    assert {prediction.category for prediction in after} <= {category.name for category in shop.categories}
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
        assert other.confidence >= one.confidence - 1e-6
        assert other.needs_review <= one.needs_review
        assert (other.review_reason == "unlike_training") == (one.review_reason == "unlike_training")
    assert "coarse" in {prediction.review_reason for prediction in after}
