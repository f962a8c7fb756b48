"""Logs go to whatever stderr is when they are written."""

from __future__ import annotations

import io
import json
import sys

import pytest
import structlog

from worker import telemetry


def test_a_line_reaches_the_stderr_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    monkeypatch.setattr(sys, "stderr", first)
    telemetry.configure("json")
    first.close()
    monkeypatch.setattr(sys, "stderr", second)

    log.warning("store_outage", images=8)

    line = json.loads(second.getvalue())
    assert (line["event"], line["images"], line["level"]) == ("store_outage", 8, "warning")


def test_quiet_keeps_warnings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    log: structlog.stdlib.BoundLogger = structlog.get_logger()

    telemetry.configure("json", quiet=True)
    log.info("chunk_done")
    log.warning("store_outage")

    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["store_outage"]
