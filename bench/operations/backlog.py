"""What Redis holds while very many items wait: doorbells, whatever the backlog, with monitoring off and on."""

import sys
import time
from typing import Any

import psycopg
import redis

from bench.images import make_small
from stack.processes import Child, spawn, temporary_folder
from stack.servers import Valkey
from stack.topology import Topology, topology

CHILDREN = 2
PHOTOGRAPHS = 4_000
"""Items of which there is a photograph; the others end as not_found, which rings as often and costs less CPU."""
WATCHED_S = 60.0
BETWEEN_S = 0.2
TARGET_MB = 1.0
_FILL = (
    "SET statement_timeout = 0",
    "INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen) SELECT"
    " (SELECT bucket FROM source_object LIMIT 1), 'waits/' || n || '.jpg', '1:1', 60000, now(), now()"
    " FROM generate_series(1, {items}) AS n",
    "INSERT INTO work_item (object_id, version_token, model_version_id, request_id, run_id, queue, priority, state,"
    " eligible_at, fence, bucket) SELECT o.id, o.version_token, w.model_version_id, w.request_id, w.run_id, w.queue,"
    " w.priority, 'pending', now(), 0, w.bucket FROM source_object o, (SELECT * FROM work_item LIMIT 1) w"
    " WHERE o.key LIKE 'waits/%'",
    "VACUUM ANALYZE",
)
_STATES = "SELECT state, count(*) FROM work_item GROUP BY state"


def measure(items: int) -> dict[str, Any]:
    """Let a scheduler ring and a worker work in a backlog of so many items; return what Redis used at most."""
    with temporary_folder("bench") as folder:
        photographs = folder / "photographs"
        make_small(photographs, PHOTOGRAPHS)
        with topology(folder, "bench", {"TAGGER_SOURCE": str(photographs), "TAGGER_SCHEDULE": "off"}) as running:
            scanned = running.tagger("scan")
            assert scanned.returncode == 0, scanned
            for statement in _FILL:
                _ask(running, statement.format(items=items))
            watched = {monitoring: _watched(running, monitoring) for monitoring in ("off", "on")}
    missed = [name for name, seen in watched.items() if seen["redis_mb"] >= TARGET_MB or seen["open"] < 0.9 * items]
    return {"items": items, "monitoring": watched, "missed": missed}


def _watched(running: Topology, monitoring: str) -> dict[str, Any]:
    """Watch a new Redis for a while, with a new worker and scheduler on it."""
    running.broker.kill()
    running.broker.start()
    running.environment["TAGGER_CELERY_MONITORING"] = monitoring
    before = _states(running)
    with redis.Redis.from_url(running.broker.url) as client:
        empty = client.info("memory")
        children = _started(running, running.broker, monitoring)
        most, depth, ends_at = dict(empty), 0, time.monotonic() + WATCHED_S
        while time.monotonic() < ends_at:
            most = {name: max(most[name], value) for name, value in client.info("memory").items() if name in _SEEN}
            depth = max(depth, *(client.llen(queue) for queue in ("ops", "nightly")))
            time.sleep(BETWEEN_S)
        for child in children:
            child.stop(60)
    used = most["used_memory"] - empty["used_memory"]
    clients = most["mem_clients_normal"] - empty["mem_clients_normal"]
    after = _states(running)
    ended = {state: after.get(state, 0) - before.get(state, 0) for state in ("done", "skipped")}
    return {
        "redis_mb": round(used / 1e6, 3),
        "of_these_connections_mb": round(clients / 1e6, 3),
        "doorbells": depth,
        "open": after.get("pending", 0) + after.get("leased", 0),
        **ended,
    }


_SEEN = ("used_memory", "mem_clients_normal")


def _started(running: Topology, broker: Valkey, monitoring: str) -> list[Child]:
    """Start worker and scheduler, and with monitoring on what listens to all events."""
    children = [running.start("worker", "worker", "--concurrency", str(CHILDREN)), running.start("scheduler")]
    if monitoring == "on":
        listens = [sys.executable, "-m", "celery", "--broker", broker.url, "events", "--dump"]
        children.append(spawn(listens, running.folder / "events.log", env=running.process_environment()))
    running.wait_for_workers(CHILDREN)
    return children


def _states(running: Topology) -> dict[str, int]:
    return dict(_ask(running, _STATES))


def _ask(running: Topology, statement: str) -> list[tuple[Any, ...]]:
    url = running.environment["TAGGER_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        answer = connection.execute(statement.encode())
        return answer.fetchall() if answer.description else []
