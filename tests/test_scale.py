"""`python -m bench.scale` fills today's tables and measures what it says it measures."""

from __future__ import annotations

import json

import pytest

from bench import scale
from stack.servers import Postgres


def test_a_small_catalogue_is_filled_measured_and_whole(
    postgres_server: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = scale.main(["--objects", "2000", "--database", postgres_server.new_database(), "--json"])

    measured = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (ended, measured["violations"]) == (0, 0)
    assert measured["seconds"].keys() >= scale.TARGETS_S.keys()
