"""Keys that nobody expects stop no run: each gets a tag, or a reason in `tagger failures`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.conftest import SAMPLES
from tests.faults.s3_server import FaultyS3
from tests.scheduler.test_long_keys import noise

pytestmark = pytest.mark.usefixtures("connections_closed", "sessions")


def test_a_run_tags_all_keys_but_those_that_nobody_can_ask_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = next(SAMPLES.glob("*.png")).read_bytes()
    odd = ["caf\udce9.jpg", "shirts/nul\0.jpg"]
    good = ["a.jpg", "/b.jpg", "x//y.jpg", f"{noise(3_000, 9)}.jpg", "\U0010fffd.jpg"]
    with FaultyS3() as server:
        for key in (*odd, *good):
            server.put(key, photo)
        for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("ENDPOINT_URL", server.url)):
            monkeypatch.setenv(f"TAGGER_S3_{name}", value)
        monkeypatch.setenv("TAGGER_DATABASE_URL", database_url)

        first = CliRunner().invoke(app, ["run", "s3://photos", "--json"])
        second = CliRunner().invoke(app, ["run", "s3://photos", "--json"])

    failed = json.loads(CliRunner().invoke(app, ["failures", "--json"]).stdout)
    verified = CliRunner().invoke(app, ["verify"])
    result, again = (json.loads(done.stdout.splitlines()[-1]) for done in (first, second))
    assert (result["seen"], result["new"], result["tagged"], result["skipped"]) == (7, 7, 5, 2)
    assert (again["seen"], again["new"], again["changed"], again["gone"]) == (7, 0, 0, 0)
    assert [row["reason"] for row in failed] == ["key_not_supported"] * 2
    assert ["not UTF-8" in failed[0]["detail"], "NUL" in failed[1]["detail"]] == [True, True]
    assert (first.exit_code, second.exit_code, verified.exit_code) == (0, 0, 0)
