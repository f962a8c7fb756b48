"""A process that is killed before or after any commit, send or acknowledgement leaves a night that can be completed.

`python -m tests.faults.failpoints` kills at all of them; here it is some.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import text

from db.session import connect, sessions_of
from stack.servers import Postgres, Valkey
from tests.conftest import ROOT
from tests.faults.failpoints import migrated
from tests.faults.small_night import night, what_is_wrong


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


PLANTED = {
    "an image is lost": "UPDATE work_item SET state = 'cancelled' WHERE id = (SELECT max(id) FROM work_item)",
    "a tag is written twice": "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at)"
    " SELECT object_id, seq + 1, new, new, actor, why, at FROM tag_event WHERE actor LIKE 'run:%' LIMIT 1",
    "a person's tag is changed": "UPDATE image_tag SET source = 'model', category = 'bag' WHERE source = 'human'",
}


def test_what_a_killed_night_must_not_do_is_seen_when_it_is_planted(tmp_path: Path) -> None:
    """A check that cannot fail proves nothing."""
    file = tmp_path / "night.db"
    migrated(f"sqlite:///{file}")
    engine = connect(f"sqlite:///{file}")
    night(sessions_of(engine), "memory://")
    assert what_is_wrong(sessions_of(engine)) == []
    engine.dispose()  # all is in the one file then

    seen = {}
    for number, (fault, statement) in enumerate(PLANTED.items()):
        copied = connect(f"sqlite:///{shutil.copy(file, tmp_path / f'{number}.db')}")
        with sessions_of(copied).begin() as session:
            session.execute(text(statement))
        seen[fault] = what_is_wrong(sessions_of(copied))
        copied.dispose()

    print(seen)
    assert [fault for fault, wrong in seen.items() if not wrong] == []
