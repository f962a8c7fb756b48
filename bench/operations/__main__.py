"""What operators do, measured on PostgreSQL from its wheel, each in a catalogue of its own.

    python -m bench.operations                          all of it: 100,000 images, 1,000,000 done items, a night
    python -m bench.operations --images 100000 --json   a re-run of them all, and one JSON line at the end
    python -m bench.operations --done 1000000           claims, status, failures, closing and retention in so much
    python -m bench.operations --night 20000            100 images again in the middle of a night, with a real worker
    python -m bench.operations --backlog 1000000        what Redis holds while so many items wait, monitoring off and on

Returns exit code 1 if a target was missed, if `verify` finds anything or if an export differs that should not.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bench.measure import machine
from bench.operations import backlog, busy_night, finished_work, replanning
from bench.operations.watching import Watch
from db import migrations
from db.session import connect
from stack.servers import postgres

IMAGES, DONE, NIGHT, BACKLOG = 100_000, 1_000_000, 20_000, 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0, or 1 where something is over its target or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, help=f"a re-run of so many (default: {IMAGES:,}, if nothing is named)")
    parser.add_argument("--done", type=int, help=f"so many done items (default: {DONE:,}, if nothing is named)")
    parser.add_argument("--night", type=int, help=f"images of a night (default: {NIGHT:,}, if nothing is named)")
    parser.add_argument("--backlog", type=int, help=f"items that wait (default: {BACKLOG:,}, if nothing is named)")
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    options = parser.parse_args(arguments)
    if not (options.images or options.done or options.night or options.backlog):
        options.images, options.done, options.night, options.backlog = IMAGES, DONE, NIGHT, BACKLOG
    results: dict[str, Any] = {}
    if options.images:
        results["re_run"] = _in_a_catalogue(lambda watch, url: replanning.measure(watch, url, options.images))
    if options.done:
        results["done"] = _in_a_catalogue(lambda watch, url: finished_work.measure(watch, url, options.done))
    if options.night:
        results["night"] = busy_night.measure(options.night)
    if options.backlog:
        results["backlog"] = backlog.measure(options.backlog)
    results["machine"] = machine()
    print(json.dumps(results) if options.json else json.dumps(results, indent=2))
    return 0 if all(map(_is_good, results.values())) else 1


def _in_a_catalogue(measure: Callable[[Watch, str], dict[str, Any]]) -> dict[str, Any]:
    with postgres() as server:
        url = server.new_database()
        engine = connect(url, pool_size=4)
        migrations.upgrade(engine)
        watch = Watch(engine, server.pid)
        measured = measure(watch, url) | {"steps": watch.as_json()}
        engine.dispose()
    return measured


def _is_good(result: dict[str, Any]) -> bool:
    same = (value for name, value in result.items() if name.startswith("same_after"))
    return not result.get("missed") and not result.get("violations") and all(same)


if __name__ == "__main__":
    sys.exit(main())
