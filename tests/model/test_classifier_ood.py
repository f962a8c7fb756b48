"""A bundle trained on bars flags what is no bar as unlike the training, whatever the confidence."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from model import bundle as bundles
from model.bundle import Bundle
from model.classifier import Classifier
from model.data.dataset import Dataset, digest_of
from model.decisions.thresholds import ReviewPolicy
from tests.bundles import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture(scope="module")
def bundle(bars: Bundle) -> Bundle:
    return bars


@pytest.fixture(scope="module")
def classifier(bundle: Bundle) -> Classifier:
    return Classifier.load(bundle.folder)


def reasons(classifier: Classifier, images: np.ndarray) -> list[str | None]:
    return [prediction.review_reason for prediction in classifier.classify(images)]


def test_what_is_no_bar_is_flagged_as_unlike_the_training(classifier: Classifier, small_data: Dataset) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)

    given = reasons(classifier, np.concatenate([noise, 255 - small_data.test.images[:50]]))

    assert given.count("unlike_training") > 90


def test_images_like_the_training_are_not(classifier: Classifier, small_data: Dataset) -> None:
    given = reasons(classifier, small_data.test.images)

    assert given.count("unlike_training") <= 10  # 1 % of validation is; these are few images, hardly trained on


def test_the_score_is_told_with_the_prediction(classifier: Classifier, small_data: Dataset) -> None:
    bar, inverted = classifier.classify(np.stack([small_data.test.images[0], 255 - small_data.test.images[0]]))

    assert bar.ood_score is not None
    assert inverted.ood_score is not None
    assert inverted.ood_score > bar.ood_score


def test_both_runtimes_give_nearly_the_same_scores(bundle: Bundle, classifier: Classifier, small_data: Dataset) -> None:
    images = np.concatenate([small_data.test.images[:40], 255 - small_data.test.images[:40]])

    reference = Classifier.load(bundle.folder, "tensorflow")

    served, expected = (
        [prediction.ood_score or 0.0 for prediction in loaded.classify(images)] for loaded in (classifier, reference)
    )
    assert np.corrcoef(served, expected)[0, 1] > 0.99


def test_a_budget_of_nothing_leaves_only_what_is_unlike_the_training(bundle: Bundle, small_data: Dataset) -> None:
    generous = Classifier.load(bundle.folder, policy=ReviewPolicy(review_budget=0.0))

    given = set(reasons(generous, small_data.validation.images))

    assert given <= {None, "unlike_training"}
    assert len(set(generous.rule.thresholds)) == 1


def test_the_bundle_keeps_what_its_test_came_to(bundle: Bundle, small_data: Dataset) -> None:
    outcomes = bundles.test_outcomes(bundle)

    assert outcomes is not None
    assert outcomes.correct.mean() == bundle.metrics["test"]["accuracy"]
    assert bundle.metrics["test_data"] == digest_of(small_data.test)


def test_a_damaged_detector_is_found(bundle: Bundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle.folder, tmp_path / "bars"))
    (copy / bundles.OOD_DETECTOR).write_bytes(b"")

    with pytest.raises(bundles.BundleCorrupt, match="novelty"):
        bundles.read(copy)
