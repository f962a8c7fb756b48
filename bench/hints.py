"""The time from a hint to a tag: uploads to S3, an event each, and a look into the catalogue until the tag is there.

python -m bench.hints --hints 200                  events by HTTP
python -m bench.hints --queue-url http://…         events through a queue of a server that speaks SQS
"""

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote_plus, urlsplit

import boto3
from sqlalchemy import text

from bench import images
from bench.measure import machine
from db.session import Sessions, connect, reading, sessions_of
from stack.processes import free_ports, temporary_folder
from stack.topology import Topology, topology

_BUCKET, _SECRET = "hints", "a-secret-of-the-benchmark"
_CACHE = Path("var/bench")
_PAUSE_S = 0.2
_AT_MOST_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0; raise if an image gets no tag."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hints", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument("--queue-url", help="a queue to send the events into, instead of to the scheduler")
    options = parser.parse_args(arguments)
    paths = images.make(_CACHE.absolute(), options.hints)
    (port,) = free_ports(1)
    extra = {"TAGGER_EVENTS_PORT": str(port), "TAGGER_EVENTS_SECRET": _SECRET, "TAGGER_SCHEDULE": "off"}
    if options.queue_url:
        extra["TAGGER_EVENTS_QUEUE_URL"] = options.queue_url
    with temporary_folder("bench") as folder, topology(folder, _BUCKET, extra) as running:
        running.start("scheduler")
        running.start("worker")
        running.wait_for_workers(1)
        send = _into_queue(options.queue_url, running) if options.queue_url else _by_http(port)
        waited = sorted(_waited(running, paths, send))
    result = {
        "hints": len(waited),
        "way": "queue" if options.queue_url else "http",
        "median_s": round(median(waited), 2),
        "p95_s": round(quantiles(waited, n=20)[-1], 2),
        "longest_s": round(waited[-1], 2),
        "machine": machine(),
    }
    print(json.dumps(result))
    return 0


def _waited(running: Topology, paths: Sequence[Path], send: Callable[[str], object]) -> list[float]:
    """Upload and hint at one image after the other; return how long each took until its tag was seen."""
    client, sessions = running.store.client(), sessions_of(connect(running.environment["TAGGER_DATABASE_URL"]))
    send_at: dict[str, float] = {}
    waited: dict[str, float] = {}
    for path in paths:
        client.put_object(Bucket=_BUCKET, Key=path.name, Body=path.read_bytes())
        send_at[path.name] = time.monotonic()
        send(_event(path.name))
        _see(sessions, send_at, waited, until=time.monotonic() + _PAUSE_S)
    _see(sessions, send_at, waited, until=time.monotonic() + _AT_MOST_S)
    if len(waited) < len(paths):
        raise SystemExit(f"{len(paths) - len(waited)} images got no tag in {_AT_MOST_S:.0f} s")
    return list(waited.values())


def _see(sessions: Sessions, send_at: dict[str, float], waited: dict[str, float], until: float) -> None:
    """Note which images have a tag, again and again, until that time or until all have one."""
    while len(waited) < len(send_at) and time.monotonic() < until:
        with reading(sessions) as session:
            tagged = session.execute(text("SELECT key FROM catalogue_tags")).scalars().all()
        for key in set(tagged) - set(waited):
            waited[key] = time.monotonic() - send_at[key]
        time.sleep(0.05)


def _event(key: str) -> str:
    content = {"bucket": {"name": _BUCKET}, "object": {"key": quote_plus(key)}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": content}]})


def _by_http(port: int) -> Callable[[str], object]:
    def send(event: str) -> bytes:
        url, headers = f"http://127.0.0.1:{port}/events", {"Authorization": f"Bearer {_SECRET}"}
        with urllib.request.urlopen(urllib.request.Request(url, event.encode(), headers), timeout=30) as answer:
            body: bytes = answer.read()
        return body

    return send


def _into_queue(url: str, running: Topology) -> Callable[[str], Any]:
    server, store = urlsplit(url), running.store
    client = boto3.client(
        "sqs",
        endpoint_url=f"{server.scheme}://{server.netloc}",
        region_name="us-east-1",
        aws_access_key_id=store.access_key_id,
        aws_secret_access_key=store.secret_access_key,
    )
    return lambda event: client.send_message(QueueUrl=url, MessageBody=event)


if __name__ == "__main__":
    sys.exit(main())
