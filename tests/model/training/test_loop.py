"""Training on made-up bars: it learns, resumes to the same network, and ends in a bundle that both runtimes run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.bundle import Bundle
from model.classifier import Classifier
from model.data.dataset import Dataset
from model.training import networks
from model.training.loop import CheckpointMismatch, Progress, Trained, train
from model.training.publishing.publish import RuntimesDisagree, publish
from model.training.publishing.task import fashion_mnist
from model.training.recipe import Recipe
from model.training.train_step import logits
from tests.bundles import KERAS_AND_NUMPY
from tests.model.toy_data import tiny

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

RECIPE = Recipe(network="tiny", epochs=3, batch=50, peak_rate=0.05, erase=0.0, shift=0)


@pytest.fixture(scope="module", autouse=True)
def tiny_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.NETWORKS, "tiny", tiny)
        yield


@pytest.fixture(scope="module")
def reports() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def uninterrupted(small_data: Dataset, tmp_path_factory: pytest.TempPathFactory, reports: list[Progress]) -> Trained:
    checkpoint = tmp_path_factory.mktemp("training") / "checkpoint.npz"
    return train(small_data, 10, RECIPE, checkpoint=checkpoint, report=reports.append)


@pytest.fixture(scope="module")
def published(uninterrupted: Trained, small_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("out") / "bars"
    return publish(uninterrupted, small_data, RECIPE, folder, fashion_mnist(small_data), precision=0.9)


def test_a_resumed_training_gives_the_network_of_an_uninterrupted_one(
    uninterrupted: Trained, small_data: Dataset, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    train(small_data, 10, RECIPE, checkpoint=checkpoint, stop_after=1)

    resumed = train(small_data, 10, RECIPE, checkpoint=checkpoint, resume=True)

    for one, other in zip(resumed.model.get_weights(), uninterrupted.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert [round(epoch["loss"], 4) for epoch in resumed.history] == [
        round(epoch["loss"], 4) for epoch in uninterrupted.history
    ]


def test_a_network_may_answer_at_another_size_than_it_was_trained_at(
    uninterrupted: Trained, small_data: Dataset, tmp_path: Path
) -> None:
    """Its weights are the same; only validation is looked at, and answers are given, at that size."""
    margins = ((0, 0), (4, 4), (4, 4), (0, 0))
    larger = replace(small_data.validation, images=np.pad(small_data.validation.images, margins))
    data, larger_recipe = replace(small_data, validation=larger), replace(RECIPE, size=28, served=36)

    trained = train(data, 10, larger_recipe, checkpoint=tmp_path / "larger.npz")

    for one, other in zip(trained.model.get_weights(), uninterrupted.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    right = logits(trained.model, larger.images).argmax(1) == larger.labels
    assert trained.model.input_shape == (None, 36, 36, 1)
    assert trained.history[-1]["validation_accuracy"] == pytest.approx(right.mean())


def test_the_same_seed_and_data_give_the_same_bundle_figures(
    published: Bundle, small_data: Dataset, tmp_path: Path
) -> None:
    trained = train(small_data, 10, RECIPE, checkpoint=tmp_path / "again.npz")

    again = publish(trained, small_data, RECIPE, tmp_path / "bars", fashion_mnist(small_data), precision=0.9)

    for split in ("validation", "test"):
        assert again.metrics[split]["accuracy"] == published.metrics[split]["accuracy"]
        assert again.metrics[split]["ece"] == pytest.approx(published.metrics[split]["ece"], abs=1e-3)


def test_training_learns(uninterrupted: Trained) -> None:
    losses = [epoch["loss"] for epoch in uninterrupted.history]

    assert losses == sorted(losses, reverse=True)
    assert uninterrupted.history[-1]["validation_accuracy"] > 0.9


def test_progress_counts_steps_and_time_down(uninterrupted: Trained, reports: list[Progress]) -> None:
    assert {report.steps for report in reports} == {18}
    assert [report.epoch for report in reports if report.validation_accuracy is not None] == [1, 2, 3]
    assert reports[-1].step == 18
    assert reports[-1].seconds_left == 0


def test_a_checkpoint_of_another_recipe_is_not_taken_up(small_data: Dataset, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    train(small_data, 10, RECIPE, checkpoint=checkpoint, stop_after=1)

    with pytest.raises(CheckpointMismatch, match="without --resume"):
        train(small_data, 10, replace(RECIPE, seed=1), checkpoint=checkpoint, resume=True)
    with pytest.raises(CheckpointMismatch):
        train(replace(small_data, digest="other"), 10, RECIPE, checkpoint=checkpoint, resume=True)


def test_a_checkpoint_of_an_earlier_version_is_refused(small_data: Dataset, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    np.savez(checkpoint, np.zeros(3), about=json.dumps({"made_by": "", "dtype": "float32", "history": []}))

    with pytest.raises(CheckpointMismatch, match="another version of this program: train without --resume"):
        train(small_data, 10, RECIPE, checkpoint=checkpoint, resume=True)


def test_a_trained_network_becomes_a_bundle_that_both_runtimes_run_alike(
    published: Bundle, small_data: Dataset
) -> None:
    scores = [
        Classifier.load(published.folder, runtime).scores(small_data.test.images)
        for runtime in ("litert", "tensorflow")
    ]

    assert np.abs(scores[0] - scores[1]).max() < 0.1
    assert published.metrics["test"]["accuracy"] == np.mean(scores[0].argmax(1) == small_data.test.labels)
    assert published.training["recipe"]["epochs"] == 3
    assert {"report/report.html", "report/evaluation.json", "report/confusion.csv", "report/risk_coverage.csv"} < set(
        published.files
    )
    assert [path.name for path in published.folder.parent.iterdir()] == ["bars"]


def test_a_network_that_litert_runs_otherwise_becomes_no_bundle(
    uninterrupted: Trained, small_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.publishing.publish.AGREEMENT", 1.1)
    monkeypatch.setattr("model.training.publishing.publish.FEW", -100)

    with pytest.raises(RuntimesDisagree, match="train again"):
        publish(uninterrupted, small_data, RECIPE, tmp_path / "bars", fashion_mnist(small_data))

    assert list(tmp_path.iterdir()) == []


def test_a_student_comes_to_say_what_its_teacher_says(
    uninterrupted: Trained, small_data: Dataset, tmp_path: Path
) -> None:
    labels_lost = replace(RECIPE, epochs=12, teachers=("bars",), teachers_weight=1.0, teachers_temperature=1.0)

    student = train(small_data, 10, labels_lost, checkpoint=tmp_path / "student.npz", teachers=[uninterrupted.model])

    expected, learned = (logits(model, small_data.validation.images) for model in (uninterrupted.model, student.model))
    assert (expected.argmax(1) == learned.argmax(1)).mean() > 0.9


def test_training_goes_on_from_a_network_and_refuses_another_kind(
    uninterrupted: Trained, small_data: Dataset, tmp_path: Path
) -> None:
    gently = replace(RECIPE, epochs=1, peak_rate=0.004, start="bars")

    refined = train(small_data, 10, gently, checkpoint=tmp_path / "refined.npz", start=uninterrupted.model)

    assert refined.history[0]["loss"] < uninterrupted.history[0]["loss"] / 2
    other = replace(gently, network="baseline")
    with pytest.raises(CheckpointMismatch, match="bars holds no baseline"):
        train(small_data, 10, other, checkpoint=tmp_path / "other.npz", start=uninterrupted.model)


def test_a_checkpoint_goes_on_in_the_arithmetic_that_it_began_with(
    small_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.loop.computing_dtype", lambda: "mixed_bfloat16")
    train(small_data, 10, RECIPE, checkpoint=tmp_path / "cut.npz", stop_after=1)
    monkeypatch.setattr("model.training.loop.computing_dtype", lambda: "float32")

    resumed = train(small_data, 10, RECIPE, checkpoint=tmp_path / "cut.npz", resume=True)

    assert resumed.dtype == "mixed_bfloat16"
    assert resumed.model.get_layer("logits").compute_dtype == "float32"


def test_a_training_tells_each_machine_that_computed_an_epoch_of_it(
    small_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the one where it is only taken up, to be made into a bundle."""

    def trained_on(machine: str, epochs: int) -> str:
        monkeypatch.setattr("model.training.loop.machine", lambda: machine)
        checkpoint = tmp_path / "cut.npz"
        return train(small_data, 10, RECIPE, checkpoint=checkpoint, resume=True, stop_after=epochs).machine

    machines = [
        trained_on("a GPU", 1),
        trained_on("a laptop", 2),
        trained_on("a laptop", 3),
        trained_on("elsewhere", 3),
    ]

    assert machines == ["a GPU", *["a GPU; a laptop"] * 3]


def test_fixed_statistics_stay_while_everything_else_learns(small_data: Dataset, tmp_path: Path) -> None:
    fixed = replace(RECIPE, fixed_statistics=True, epochs=1)
    start = train(small_data, 10, RECIPE, checkpoint=tmp_path / "start.npz", stop_after=1).model

    trained = train(small_data, 10, fixed, checkpoint=tmp_path / "fixed.npz", start=start).model

    def changed(kind: str) -> list[bool]:
        pairs = zip(trained.weights, start.weights, strict=True)
        return [bool((np.asarray(one) != np.asarray(other)).any()) for one, other in pairs if one.path.endswith(kind)]

    assert set(changed("moving_mean") + changed("moving_variance")) == {False}
    assert set(changed("kernel") + changed("gamma") + changed("beta")) == {True}
