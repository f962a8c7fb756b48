"""The review, measured over HTTP on PostgreSQL from its wheel.

    python -m bench.review                               all of it: 1,000,000 images in the queue, 20 reviewers for
                                                         5 minutes, 1,000 images a mode in a browser, and pictures
    python -m bench.review --queue 1000000 --json        screens, decisions and pages in a long queue; one JSON line
    python -m bench.review --reviewers 20 --seconds 300  reviewers at once, while everything is classified again
    python -m bench.review --oracle 1000                 images of known truth, settled in Chromium in each mode
    python -m bench.review --pictures                    pictures a second, bytes of a screen, memory

Returns exit code 1 if a target was missed, if a decision was lost or changed, or if `verify` finds anything.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from bench.measure import machine
from bench.review import crowd, long_queue, oracle, pictures

QUEUE, REVIEWERS, SECONDS = 1_000_000, 20, 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0, or 1 where something is over its target or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queue", type=int, help=f"so many images wait (default: {QUEUE:,}, if nothing is named)")
    parser.add_argument("--reviewers", type=int, help=f"so many review at once (default: {REVIEWERS})")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"for so long (default: {SECONDS})")
    parser.add_argument("--oracle", type=int, help=f"so many images in each mode (default: {oracle.IMAGES:,})")
    parser.add_argument("--pictures", action="store_true", help="ask for pictures, at first and again")
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    options = parser.parse_args(arguments)
    if not (options.queue or options.reviewers or options.oracle or options.pictures):
        options.queue, options.reviewers, options.oracle, options.pictures = QUEUE, REVIEWERS, oracle.IMAGES, True
    results: dict[str, Any] = {}
    if options.queue:
        results["queue"] = long_queue.measure(options.queue)
    if options.reviewers:
        results["reviewers"] = crowd.measure(options.reviewers, options.seconds)
    if options.oracle:
        results["oracle"] = oracle.measure(options.oracle)
    if options.pictures:
        results["pictures"] = pictures.measure()
    results["machine"] = machine()
    print(json.dumps(results) if options.json else json.dumps(results, indent=2))
    return 1 if any(isinstance(result, dict) and result.get("missed") for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
