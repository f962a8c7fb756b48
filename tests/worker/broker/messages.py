"""Messages as they lie in Redis: a good doorbell, and what a stranger may put beside it."""

from __future__ import annotations

import base64
import json
import zlib
from functools import cache
from typing import Any
from uuid import uuid4

from worker.broker.transport import DOORBELL

NO_TIME = [None, None]


def message(
    queue: str = "nightly",
    *,
    body: object = None,
    headers: dict[str, object] | None = None,
    properties: dict[str, object] | None = None,
) -> dict[str, Any]:
    """Make a doorbell as Celery 5 sends it, with some of its parts replaced."""
    kwargs = {"v": 1, "queue": queue}
    after = dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))
    identity = str(uuid4())
    sent = json.dumps([[], kwargs, after]) if body is None else body
    return {
        "body": base64.b64encode(sent.encode()).decode() if isinstance(sent, str) else sent,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": DOORBELL, "id": identity, "eta": None, "timelimit": NO_TIME, "retries": 0}
        | (headers or {}),
        "properties": {
            "correlation_id": identity,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        }
        | (properties or {}),
    }


def _packed(megabytes: int) -> str:
    """Make the body of a doorbell that unpacks to so many megabytes."""
    spaces = b" " * (megabytes << 20)
    return base64.b64encode(zlib.compress(b'[[], {"v": 1, "queue": "nightly"}, {}]' + spaces, level=1)).decode()


@cache
def hostile() -> dict[str, bytes]:
    """Make messages that must be dropped, by what is wrong with them. Each once ended a worker, or could have."""
    odd = {
        "a list": [1, 2, 3],
        "a number": 7,
        "null": None,
        "no body": {"headers": {"task": DOORBELL}, "properties": {}},
        "another task": message(headers={"task": "celery.backend_cleanup"}),
        "no headers": message() | {"headers": None},
        "headers of a list": message() | {"headers": ["task", DOORBELL]},
        "a body that is not base64": message() | {"body": "%%% no base64 %%%"},
        "a body that is not text": message() | {"body": [[], {"v": 1, "queue": "nightly"}, {}]},
        "a body that is not JSON": message(body="\x80\x04pickle"),
        "a body of two": message(body="[[], {}]"),
        "a body nested deeply": message(body="[" * 4000),
        "a time limit of text": message(headers={"timelimit": "soon"}),
        "time limits of text": message(headers={"timelimit": ["1", "2"]}),
        "a time limit": message(headers={"timelimit": [0.001, 0.001]}),
        "an eta": message(headers={"eta": "2099-01-01T00:00:00+00:00"}),
        "an eta that is none": message(headers={"eta": "tomorrow"}),
        "an expiry": message(headers={"expires": "2000-01-01T00:00:00+00:00"}),
        "a small packed body": message(headers={"compression": "application/x-gzip"}) | {"body": _packed(1)},
        "a large packed body": message(headers={"compression": "application/x-gzip"}) | {"body": _packed(400)},
        "an unknown compression": message(headers={"compression": "rot13"}),
        "a version to come": message(body='[[], {"v": 2, "queue": "nightly"}, {}]'),
        "an unknown queue": message(body='[[], {"v": 1, "queue": "../ops"}, {}]'),
        "the name of another queue": message("ops"),
        "a doorbell of 20 kB": message(headers={"argsrepr": "x" * 20_000}),
    }
    raw = {"not JSON": b"\x00 not JSON", "not UTF-8": b"\xff\xfe{}", "nothing": b"", "nested deeply": b"[" * 9000}
    return raw | {name: json.dumps(each).encode() for name, each in odd.items()}


def disguised() -> list[bytes]:
    """Doorbells to ring, with odd things in the parts that nobody reads."""
    return [
        json.dumps(each).encode()
        for each in (
            message(headers={"retries": "many", "argsrepr": [1], "stamps": 5, "id": {"a": 1}, "lang": "c"}),
            message(headers={"callbacks": ["os.system"], "group": 3, "root_id": None, "replaced_task_nesting": "x"}),
            message(properties={"delivery_tag": ["not", "hashable"], "delivery_info": None, "body_encoding": "rot13"}),
            message(properties={"reply_to": "elsewhere", "priority": "high", "correlation_id": None}),
            message() | {"content-type": "application/x-python-serialize", "content-encoding": "binary"},
            message(body='[["an argument"], {"v": 1, "queue": "nightly", "more": 1}, {"chain": [{"task": "x"}]}]'),
        )
    ]
