"""A run without workers leaves no image behind, whichever run queued it; what it leaves to another run it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from cli.tagging import follow
from model import bundle as bundles
from tests.conftest import SAMPLES
from tests.faults.s3_server import FaultyS3
from tests.model.versions import outcome, with_test

pytestmark = pytest.mark.usefixtures("connections_closed")
NAME = "fashion-mnist"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """Serve eight photographs under two prefixes."""
    with FaultyS3() as server:
        for number, file in enumerate(sorted(SAMPLES.glob("*.png"))[:8]):
            server.put(f"{'shoes' if number < 5 else 'shirts'}/{number}.png", file.read_bytes())
        monkeypatch.setenv("TAGGER_S3_ENDPOINT_URL", server.url)
        monkeypatch.setenv("TAGGER_S3_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("TAGGER_S3_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the command sets for good
        yield server


def tagger(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run(*arguments: str | Path) -> tuple[int, dict[str, Any], str]:
    """Return the exit code of a run, what it says for programs, and for people."""
    done = tagger("run", *arguments, "--json")
    return done.exit_code, json.loads(done.stdout), done.stderr


def interrupted(*arguments: str | Path) -> None:
    """List and queue, but stop before anything is tagged."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "follow", stop)
        assert tagger("run", *arguments).exit_code == 130


def items() -> dict[str, int]:
    states: dict[str, int] = json.loads(tagger("status", "--json").stdout)["items"]
    return states


@pytest.mark.parametrize(
    ("first", "second", "images"),
    [
        (["s3://photos/"], ["s3://photos/shoes/"], 5),
        (["s3://photos/shoes"], ["s3://photos/shoes/"], 5),
        (["s3://photos/shoes/"], ["s3://photos"], 8),
        (["s3://photos/", "--limit", "6"], ["s3://photos/"], 8),
    ],
    ids=["a prefix inside another", "a trailing slash", "a prefix around another", "without the limit"],
)
def test_another_selection_tags_what_an_interrupted_run_has_queued(
    bucket: FaultyS3, first: list[str], second: list[str], images: int
) -> None:
    interrupted(*first)

    _, result, _ = run(*second)

    assert (result["seen"], result["tagged"]) == (images, images)
    assert tagger("verify").exit_code == 0


def test_what_waits_elsewhere_is_told_with_its_run_and_exit_code_1_until_it_is_done(bucket: FaultyS3) -> None:
    interrupted("s3://photos/")

    code, result, message = run("s3://photos/shirts/")

    assert (code, result["tagged"]) == (1, 3)
    assert "5 images wait in run 1; go on with it: tagger run s3://photos/ --model fashion-mnist@" in message
    assert run("s3://photos/")[:1] == (0,)
    assert run("s3://photos/shirts/")[:1] == (0,)
    assert items() == {"done": 8}


def test_a_limit_bounds_what_is_taken_over(bucket: FaultyS3) -> None:
    interrupted("s3://photos/")

    code, result, message = run("s3://photos/", "--limit", "2")

    assert (code, result["tagged"]) == (1, 2)
    assert "6 images wait in run 1" in message


def test_after_a_promotion_nothing_waits_for_the_version_before(bucket: FaultyS3, tmp_path: Path) -> None:
    interrupted("s3://photos/")
    newer = with_test(bundles.find(NAME), tmp_path / "newer", outcome(1000))

    code, result, message = run("s3://photos/", "--model", newer.folder)

    assert (code, result["tagged"]) == (0, 8), message
    assert items() == {"done": 8, "skipped": 8}
    assert tagger("failures").stdout == "No image failed.\n"
    assert tagger("verify").exit_code == 0


def test_a_version_that_is_asked_for_again_tags_what_it_did_not(bucket: FaultyS3, tmp_path: Path) -> None:
    interrupted("s3://photos/")
    newer = with_test(bundles.find(NAME), tmp_path / "newer", outcome(1000))
    assert run("s3://photos/", "--model", newer.folder)[0] == 0

    _, result, _ = run("s3://photos/")

    assert result["tagged"] == 8
