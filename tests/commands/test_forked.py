"""A forked `tagger` command is what a started one is, to the byte, and the process that forks opens nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import psutil
import pytest

from stack.processes import wait_until
from tests.commands.forked import TAGGER, Forked, ended, server


def run(popen: type[subprocess.Popen[Any]], *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return ended(popen([str(TAGGER), *arguments], **pipes, env=os.environ | environment), timeout_s=60)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--help"], {"COLUMNS": "77"}),
        (["status", "--nosuch"], {}),
        (["export"], {}),
        (["config"], {"TAGGER_SOURCE": "Röcke日本", "HOME": "/nowhere"}),
    ],
    ids=lambda part: part[0] if isinstance(part, list) else "",
)
def test_bytes_and_exit_code_are_those_of_a_started_one(arguments: list[str], environment: dict[str, str]) -> None:
    forked, started = (run(popen, *arguments, **environment) for popen in (Forked, subprocess.Popen))

    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_it_has_a_session_of_its_own_and_tells_the_signal_that_ended_it() -> None:
    with Forked([str(TAGGER), "config"], stdout=subprocess.DEVNULL, start_new_session=True) as process:
        os.kill(process.pid, signal.SIGSTOP)
        group = os.getpgid(process.pid)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)

    assert (group, process.returncode) == (process.pid, -signal.SIGKILL)


def test_what_an_interpreter_reads_at_its_start_cannot_be_given() -> None:
    with pytest.raises(ValueError, match="PYTHONIOENCODING"):
        run(Forked, "config", PYTHONIOENCODING="latin-1")


def test_the_server_holds_nothing_that_two_commands_could_share() -> None:
    run(Forked, "--version")
    assert server.process is not None
    process = psutil.Process(server.process.pid)

    assert process.num_threads() == 1
    assert process.children() == process.open_files() == []
    # Its streams and the socket of the requests: that of a command is closed just after its end was told.
    wait_until(lambda: process.num_fds() == 4, "the end of the last command's socket", 60)
    loaded = [mapping.path for mapping in process.memory_maps(grouped=False)]
    assert not [path for path in loaded if "tensorflow" in path or path.startswith("/dev/zero")]  # shared memory
