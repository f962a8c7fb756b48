"""Logs go to whatever stderr is when they are written."""

from __future__ import annotations

import io
import json
import subprocess
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


FORK_IN_THE_MIDDLE_OF_A_LINE = """
import io, os, signal, sys, threading, time
import structlog
from worker import telemetry

class Slow(io.StringIO):
    def write(self, text):
        writing.set()
        time.sleep(0.2)
        return len(text)

writing, sys.stderr = threading.Event(), Slow()
telemetry.configure("json")
log = structlog.get_logger()
threading.Thread(target=log.warning, args=["child_died"]).start()
writing.wait()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.alarm(10)
log.warning("chunk_done")
os._exit(0)
"""


def test_a_child_that_is_forked_in_the_middle_of_a_line_can_log() -> None:
    assert subprocess.run([sys.executable, "-c", FORK_IN_THE_MIDDLE_OF_A_LINE], check=False).returncode == 0
