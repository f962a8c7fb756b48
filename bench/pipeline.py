"""`make bench`: S3 (SeaweedFS) → Redis (Valkey) → Celery → PostgreSQL, beside the same work done naively.

    python -m bench.pipeline               tables
    python -m bench.pipeline --json        and one JSON line at the end, on stdout
    python -m bench.pipeline --embedded    `tagger run` on a folder with SQLite instead: one process, no servers

Fails unless every image was tagged and `tagger verify` finds nothing.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import images, naive, report, stages
from bench.embedded import measure_embedded, tag
from bench.measure import Usage, machine
from model import bundle
from stack.processes import temporary_folder
from stack.topology import Topology, topology

CHILDREN = 2
_IMAGES = 2_000
_NAIVE_IMAGES = 300
_STAGE_IMAGES = 500
_BUCKET = "bench"
_CACHE = Path("var/bench")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0; raise with what was not tagged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    parser.add_argument("--embedded", action="store_true", help="a folder and SQLite in one process")
    parser.add_argument("--images", type=int, default=_IMAGES, help="how many images (default: %(default)s)")
    parser.add_argument(
        "--model", default="fashion-mnist", help="the bundle, but not with --embedded (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    _say(f"making {options.images:,} images in {_CACHE} (once) …")
    paths = images.make(_CACHE.absolute(), options.images)
    with temporary_folder("bench") as folder:
        result = measure_embedded(folder, paths) if options.embedded else _measure(folder, paths, _named(options.model))
    report.show(result)
    if options.json:
        print(json.dumps(result))
    return 0


def _named(model: str) -> str:
    """Make a bundle's folder absolute, so that it is found from anywhere; leave a name as it is."""
    return str(Path(model).absolute()) if "/" in model else model


def _measure(folder: Path, paths: Sequence[Path], name: str) -> dict[str, Any]:
    model = bundle.find(name)
    _say("starting the servers, uploading …")
    with topology(folder, _BUCKET, {"TAGGER_MODEL": str(model)}) as running:
        _upload(running, paths)
        _say("tagging …")
        rate, processes = _tag(running, len(paths))
        _say("the naive way …")
        keys = [path.name for path in paths[:_NAIVE_IMAGES]]
        naive_rate = naive.measure(running, model, keys, CHILDREN)
        _say("each stage alone …")
        alone = stages.measure(running, model, _STAGE_IMAGES)
    return {
        "images": len(paths),
        "images_per_second": round(rate, 1),
        "naive_images_per_second": round(naive_rate, 1),
        "ratio": round(rate / naive_rate, 1),
        "stages": {name: stage.as_json() for name, stage in alone.items()},
        "processes": {name: usage.as_json() for name, usage in processes.items()},
        "machine": machine(),
    }


def _upload(running: Topology, paths: Sequence[Path]) -> None:
    client = running.store.client()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: client.put_object(Bucket=_BUCKET, Key=path.name, Body=path.read_bytes()), paths))


def _tag(running: Topology, count: int) -> tuple[float, dict[str, Usage]]:
    """Tag the bucket with one worker and one scheduler; return the rate, and what every process used."""
    running.start("worker", "worker", "--concurrency", str(CHILDREN))
    running.start("scheduler")
    running.wait_for_workers(CHILDREN)
    roots = {"worker": running.processes["worker"].pid, "scheduler": running.processes["scheduler"].pid}
    roots |= {"PostgreSQL": running.database.pid, "Valkey": running.broker.pid, "SeaweedFS": running.store.pid}
    summary, usage = tag(f"s3://{_BUCKET}/", count, running.folder, running.process_environment(), roots)
    running.stop()
    return float(summary["images_per_second"]), usage


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
