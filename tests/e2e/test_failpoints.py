"""A process that is killed before or after any commit, send or acknowledgement leaves a night that can be completed.

`python -m tests.faults.failpoints` kills at all of them; here it is some.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from stack.servers import Postgres, Valkey
from tests.conftest import ROOT


def killed_at(*options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.failpoints", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(result)
    return result


def test_a_night_killed_at_any_failpoint_is_completed() -> None:
    result = killed_at("--every", "5")

    assert result["bad"] == {}
    acts = ("a commit", "a send", "an acknowledgement")
    assert result["kinds"] == sorted(f"{when} {act}" for when in ("before", "after") for act in acts)
    assert result["failpoints"] > 50
    assert result["killed"] > 10


def test_a_night_on_real_servers_killed_at_any_failpoint_is_completed(
    postgres_server: Postgres, valkey_server: Valkey
) -> None:
    servers = ["--database", postgres_server.new_database(), "--broker", valkey_server.url]

    result = killed_at(*servers, "--first", "4", "--every", "15")

    assert result["bad"] == {}
    assert result["killed"] >= 4
