"""`tagger run` on a folder with SQLite and no broker: everything in one process."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import Sampler, machine
from stack.topology import TAGGER, environment_without_tagger


def measure_embedded(folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """Measure rate, CPU and memory of one run over `paths`, linked into a folder of their own."""
    photos = folder / "photos"
    photos.mkdir()
    for path in paths:
        (photos / path.name).symlink_to(path)
    summary, processes = _run(folder, photos)
    if (summary["seen"], summary["tagged"]) != (len(paths), len(paths)):
        raise RuntimeError(f"{len(paths)} images, but {summary}")
    _verify(folder)
    return {
        "images": len(paths),
        "images_per_second": summary["images_per_second"],
        "seconds": summary["seconds"],
        "processes": processes,
        "machine": machine(),
    }


def _run(folder: Path, photos: Path) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    command = [str(TAGGER), "run", str(photos), "--json"]
    environment = environment_without_tagger()
    with (
        Sampler({}) as sampler,
        subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True) as run,
    ):
        sampler.follow("tagger run", run.pid)
        output, _ = run.communicate(timeout=1800)
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    return summary, {name: usage.as_json() for name, usage in sampler.usage().items()}


def _verify(folder: Path) -> None:
    command = [str(TAGGER), "verify"]
    done = subprocess.run(command, env=environment_without_tagger(), cwd=folder, stdout=sys.stderr, check=False)
    if done.returncode:
        raise RuntimeError("`tagger verify` found broken invariants")
