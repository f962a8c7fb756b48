"""A monitor as others write them: plain Celery, which knows nothing of our transport.

`python monitor.py URL look` prints what it sees of the workers and of the first task that ends;
`python monitor.py URL harm` does all that can be done to workers from outside.
"""

import json
import sys
import threading
import time
from typing import Any

from celery import Celery

PATIENCE_S = 90
TOLD = {"task-sent", "task-received", "task-started", "task-succeeded"}


def look(app: Celery) -> dict[str, Any]:
    """Listen until a task was followed from its sending to its end and a heart has beaten; then ask the workers."""
    others: dict[str, dict[str, Any]] = {}
    tasks: dict[str, dict[str, dict[str, Any]]] = {}  # by the id of the task: who sends and who receives tell it apart

    def note(event: dict[str, Any]) -> None:
        of_task = event["type"].startswith("task-")
        seen = tasks.setdefault(event["uuid"], {}) if of_task else others
        seen.setdefault(event["type"], event)

    def followed() -> dict[str, dict[str, Any]]:
        return next((seen for seen in list(tasks.values()) if set(seen) >= TOLD), {})

    def listen() -> None:
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": note})
            receiver.capture(limit=None, timeout=None, wakeup=False)

    threading.Thread(target=listen, daemon=True).start()
    ends_at = time.monotonic() + PATIENCE_S
    while not (followed() and "worker-heartbeat" in others) and time.monotonic() < ends_at:
        time.sleep(0.1)
    inspect = app.control.inspect(timeout=10, limit=1)
    questions = ("ping", "active", "stats", "active_queues", "registered")
    return {"events": others | followed(), **{name: getattr(inspect, name)() for name in questions}}


def harm(app: Celery) -> dict[str, Any]:
    """Grow the pool, wait for a task, end what is at work, purge the queues, and shut the workers down."""
    app.control.pool_grow(1, reply=True, timeout=10, limit=1)
    ids: list[str] = []
    ends_at = time.monotonic() + PATIENCE_S
    while not ids and time.monotonic() < ends_at:
        active = app.control.inspect(timeout=10, limit=1).active() or {}
        ids = [task["id"] for tasks in active.values() for task in tasks]
    app.control.revoke(ids, terminate=True, signal="SIGKILL")
    with app.connection() as connection:
        for name in ("ops", "nightly"):
            connection.default_channel.queue_purge(name)
    time.sleep(1)
    app.control.broadcast("shutdown")
    return {"revoked": ids}


if __name__ == "__main__":
    plain = Celery(broker=sys.argv[1])
    print(json.dumps({"look": look, "harm": harm}[sys.argv[2]](plain), default=str))
