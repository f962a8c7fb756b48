"""`tagger run` on a folder with SQLite and no broker: everything in one process."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.measure import Sampler, Usage, machine
from stack.topology import TAGGER, environment_without_tagger


def measure_embedded(folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """Measure rate, CPU and memory of one run over `paths`, linked into a folder of their own."""
    photos = folder / "photos"
    photos.mkdir()
    for path in paths:
        (photos / path.name).symlink_to(path)
    summary, processes = tag(str(photos), len(paths), folder, environment_without_tagger(), {})
    return {
        "images": len(paths),
        "images_per_second": summary["images_per_second"],
        "seconds": summary["seconds"],
        "processes": {name: usage.as_json() for name, usage in processes.items()},
        "machine": machine(),
    }


def tag(
    source: str, count: int, folder: Path, environment: Mapping[str, str], processes: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Usage]]:
    """Run `tagger run` on `source`; return its summary, and what it and `processes` used.

    Raises unless all `count` images were tagged and `tagger verify` agrees: a fast run that loses images is no result.
    """
    command = [str(TAGGER), "run", source, "--json"]
    with (
        Sampler(processes) as sampler,
        subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True) as run,
    ):
        sampler.follow("tagger run", run.pid)
        output, _ = run.communicate(timeout=1800)
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    if (summary["seen"], summary["tagged"]) != (count, count):
        raise RuntimeError(f"{count} images, but {summary}")
    if subprocess.run([TAGGER, "verify"], env=environment, cwd=folder, stdout=sys.stderr, check=False).returncode:
        raise RuntimeError("`tagger verify` found broken invariants")
    return summary, sampler.usage()
