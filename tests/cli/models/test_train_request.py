"""What `tagger model train` refuses at once: options that do not go together, or not with the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.models.drawings import plain, run


@pytest.mark.parametrize(
    "given", [("--network", "slim"), ("--teacher", "fashion-mnist"), ("--data", "."), ("--photographs", ".")]
)
def test_options_of_fashion_mnist_are_refused_for_photographs(given: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, *given)

    assert done.exit_code == 2
    assert "not for photographs of your own" in plain(done)


@pytest.mark.parametrize(
    "given",
    [
        ("--backbone", "efficientnet-lite1"),
        ("--images", "."),
        ("--leave-out", "hat"),
        ("--per-category", 5),
        ("--size", 160),
        ("--fit", "crop"),
        ("--crop", 0.8),
        ("--distort", 2),
        ("--start", "clothing"),
        ("--no-pictures",),
        ("--pictures",),
    ],
)
def test_options_of_photographs_are_refused_for_fashion_mnist(given: tuple[str, ...]) -> None:
    done = run("fashion-mnist", *given)

    assert done.exit_code == 2
    assert "not for fashion-mnist" in plain(done)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--backbone", "resnet"), "no backbone is called 'resnet'"),
        (("--fit", "stretch"), "name one of squash, letterbox, crop"),
        (("--size", 32), "greater than or equal to 64"),
        (("--folds", 2, "--seeds", 2), "give one of them, not both"),
        (("--folds", 1), "cross-validation needs two at least"),
        (("--folds", 2, "--start", "clothing"), "may have seen what is held out"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(given: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run(tmp_path, *given)

    assert done.exit_code == 2
    assert message in plain(done)
