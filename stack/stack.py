"""`make stack`: what docker-compose.yml runs, on servers from wheels, until Ctrl-C.

Nothing is kept: servers, catalogue and images go when it ends.
"""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

from stack.processes import free_ports, temporary_folder
from stack.topology import TAGGER, Topology, topology

BUCKET = "catalogue"
_CHECK_EVERY_S = 1.0
_INHERITED = ("TAGGER_MODEL", "TAGGER_WORKERS")


def main() -> int:
    """Run until Ctrl-C or SIGTERM; return exit code 0."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    print("starting Valkey, PostgreSQL and SeaweedFS …", flush=True)
    extra = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with temporary_folder("stack") as folder, topology(folder, BUCKET, extra) as running:
        port = free_ports(1)[0]
        arguments = {"scheduler": ("scheduler",), "worker": ("worker",), "review": ("review", "--port", str(port))}
        for name, own in arguments.items():
            running.start(name, *own)
        print(_instructions(running, port), flush=True)
        _supervise(running, arguments, stopping)
        print("stopping; workers finish what they hold …", flush=True)
    return 0


def _supervise(running: Topology, arguments: Mapping[str, Sequence[str]], stopping: threading.Event) -> None:
    """Restart what ends, as compose does with `restart: unless-stopped`, and show its last output."""
    while not stopping.wait(_CHECK_EVERY_S):
        for name, child in list(running.processes.items()):
            if not child.alive:
                print(f"{name} ended ({child.process.returncode}):\n{child.tail(800)}\nstarting it again", flush=True)
                running.start(name, *arguments[name])


def _instructions(running: Topology, port: int) -> str:
    exports = "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in running.environment.items())
    logs = "\n".join(f"  {name:<10} {child.log}" for name, child in sorted(running.processes.items()))
    return f"""
  Redis      {running.broker.url}
  PostgreSQL {running.environment["TAGGER_DATABASE_URL"]}
  S3         {running.store.url}   bucket {running.bucket}
  review     http://127.0.0.1:{port}   its log has a link for the admin's password
{logs}

In another shell:

{exports}
  export AWS_ACCESS_KEY_ID="$TAGGER_S3_ACCESS_KEY_ID" AWS_SECRET_ACCESS_KEY="$TAGGER_S3_SECRET_ACCESS_KEY"
  aws --endpoint-url "$TAGGER_S3_ENDPOINT_URL" s3 cp --recursive samples/ s3://{running.bucket}/   # or any S3 client
  {TAGGER} run
  {TAGGER} status

Ctrl-C ends all of it."""


if __name__ == "__main__":
    sys.exit(main())
