"""The servers from wheels: they start, come back on the same port, and are gone when we are."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg
import pytest
import redis

from stack import processes
from stack.processes import free_ports, spawn, temporary_folder, wait_until
from stack.servers import postgres, seaweed, valkey

ROOT = Path(__file__).parent.parent


def test_valkey_keeps_its_port_and_loses_its_memory_when_killed() -> None:
    with valkey() as server:
        client = redis.Redis.from_url(server.url)
        client.set("doorbell", "1")
        client.close()

        server.restart()

        assert client.get("doorbell") is None
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.close()


def test_valkey_with_a_password_refuses_without() -> None:
    with valkey(password="open-sesame") as server:
        stranger = redis.Redis(port=server.port)
        friend = redis.Redis.from_url(server.url)

        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert friend.ping()
        stranger.close()
        friend.close()


def test_postgres_gives_empty_databases_that_survive_a_kill() -> None:
    with postgres() as server:
        urls = [server.new_database().replace("+psycopg", "") for _ in range(2)]
        with psycopg.connect(urls[0]) as connection:
            connection.execute("CREATE TABLE kept (n int)")

        server.restart()

        counts = []
        for url in urls:
            with psycopg.connect(url) as connection:
                row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
                assert row is not None
                counts.append(row[0])
        assert counts == [1, 0]


def test_seaweed_keeps_its_objects_over_a_kill() -> None:
    with seaweed() as server:
        bucket = server.new_bucket()
        client = server.client()
        client.put_object(Bucket=bucket, Key="a.jpg", Body=b"photo")

        server.restart()

        assert client.get_object(Bucket=bucket, Key="a.jpg")["Body"].read() == b"photo"


def test_servers_run_with_a_temporary_folder_that_is_long_and_private(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    private = tmp_path / ("private" * 15)
    private.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(private))

    with postgres() as database, seaweed() as store:
        assert database.new_database()
        assert store.new_bucket()


def test_a_server_that_cannot_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    with valkey() as server:
        monkeypatch.setattr(server, "command", lambda: [sys.executable, "-c", "print('bad configuration')"])
        server.stop()

        with pytest.raises(RuntimeError, match="bad configuration"):
            server.start()


def test_nothing_is_left_of_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import time\nfrom stack.servers import postgres, valkey\n"
        "with valkey() as broker, postgres() as database:\n"
        "    print(broker.pid, database.pid, broker.folder, database.folder, flush=True)\n    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    *pids, broker, database = parent.stdout.readline().split()
    own = [psutil.Process(int(pid)) for pid in pids]
    own += [child for process in own for child in process.children()]

    parent.kill()

    parent.communicate()
    wait_until(lambda: not any(process.is_running() for process in own), "every process to end")
    wait_until(lambda: not Path(broker).exists() and not Path(database).exists(), "the folders to go")


def test_make_stack_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    stack = spawn([sys.executable, "-m", "stack.stack"], tmp_path / "log", cwd=ROOT)
    wait_until(lambda: "Ctrl-C" in stack.tail() or not stack.alive, "the stack", 90)
    exports = dict(re.findall(r"export (TAGGER_\w+)=(\S+)", stack.tail()))
    family = psutil.Process(stack.pid).children(recursive=True)

    status = subprocess.run(
        [Path(sys.executable).with_name("tagger"), "doctor"],
        env=os.environ | exports,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    review = re.findall(r"review +(http://\S+)", stack.tail())[0]
    wait_until(lambda: _answers(f"{review}/healthz"), "the review", 90)
    ended = stack.stop(60)

    assert status.returncode == 0, status.stdout + status.stderr
    assert ended == 0, stack.tail()
    assert "bucket catalogue" in stack.tail()
    wait_until(lambda: not any(process.is_running() for process in family), "every process to end")


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_child_in_its_group_is_killed_with_it(tmp_path: Path) -> None:
    code = "import subprocess, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
    child = spawn([sys.executable, "-c", code], tmp_path / "log")
    wait_until(lambda: child.tail().strip(), "the grandchild")
    grandchild = psutil.Process(int(child.tail()))

    assert child.kill() == -signal.SIGKILL

    wait_until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, "its end")


def test_ports_are_below_the_range_that_clients_get_and_free() -> None:
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert all(10_000 < port < 22_000 for port in ports)


def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_HIGHEST_PORT", processes._LOWEST_PORT + 50)

    ports = free_ports(10) + free_ports(10)

    assert len(set(ports)) == 20


def test_a_folder_goes_away_with_its_block() -> None:
    with temporary_folder("words") as folder:
        (folder / "a").write_text("b")

    assert not folder.exists()
    assert folder.name.startswith("tagger-words-")
