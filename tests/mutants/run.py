"""`make mutants`: takes out each guard by itself, on a copy of the tree, and names those that no test misses.

    python -m tests.mutants.run                    all of them, which takes minutes
    python -m tests.mutants.run fence scheduler    those whose name holds one of these words

Exit code 1 if one survives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from stack.processes import temporary_folder
from tests.conftest import ROOT
from tests.mutants.guards import MUTATIONS, Mutation

TIME_LIMIT_S = 600


def main(words: Sequence[str]) -> int:
    chosen = [mutation for mutation in MUTATIONS if not words or any(word in mutation.guard for word in words)]
    with temporary_folder("mutants") as folder:
        copy_tree(folder)
        survivors = [mutation for mutation in chosen if not _is_noticed(folder, mutation)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} were noticed")
    for mutation in survivors:
        print(f"SURVIVED: {mutation.guard} ({mutation.file}; {', '.join(mutation.tests)})")
    return 1 if survivors else 0


def copy_tree(folder: Path) -> None:
    """Copy what git knows of the tree, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def mutated(mutation: Mutation) -> str:
    """Return the file's source with the guard taken out. Raises ValueError if it is not there exactly once."""
    source = (ROOT / mutation.file).read_text(encoding="utf-8")
    if source.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} holds {mutation.old!r} {source.count(mutation.old)} times: mend the list")
    return source.replace(mutation.old, mutation.new)


def _is_noticed(folder: Path, mutation: Mutation) -> bool:
    began, file = time.monotonic(), folder / mutation.file
    before = file.read_text(encoding="utf-8")
    file.write_text(mutated(mutation), encoding="utf-8")
    try:
        noticed = _tests_fail(folder, mutation.tests)
    finally:
        file.write_text(before, encoding="utf-8")
    print(f"{'noticed ' if noticed else 'SURVIVED'} {time.monotonic() - began:5.0f} s  {mutation.guard}", flush=True)
    return noticed


def _tests_fail(folder: Path, tests: Sequence[str]) -> bool:
    """Tell whether a test fails, or hangs. That no test could be run is an error, and no success."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", *tests]
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
