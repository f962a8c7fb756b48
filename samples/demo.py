"""`make demo`: tag the sample images with embedded defaults, and report how many categories are right."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

SAMPLES = Path(__file__).parent
CATALOGUE = SAMPLES.parent / "var" / "demo.db"
TAGGER = Path(sys.executable).with_name("tagger")


def main() -> int:
    """Run the command as a user would, on a new catalogue; return the exit code."""
    CATALOGUE.parent.mkdir(exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        CATALOGUE.with_name(CATALOGUE.name + suffix).unlink(missing_ok=True)
    settings = {name: value for name, value in os.environ.items() if not name.startswith("TAGGER_")}
    settings["TAGGER_DATABASE_URL"] = f"sqlite:///{CATALOGUE}"
    subprocess.run([TAGGER, "run", str(SAMPLES / "images")], env=settings, check=True)  # noqa: S603 -- our own command
    exported = subprocess.run(  # noqa: S603 -- our own command
        [TAGGER, "export", "--format", "jsonl"], env=settings, check=True, capture_output=True, text=True
    )
    rows = [json.loads(line) for line in exported.stdout.splitlines()]
    return report(rows, labels())


def labels() -> dict[str, str]:
    """Return the true category of each key."""
    with (SAMPLES / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {row["key"]: row["category"] for row in csv.DictReader(file)}


def report(rows: list[dict[str, str]], truth: dict[str, str]) -> int:
    """Print how many tags are right, of all and of those that need no review; return 1 when an image has no tag."""
    right = [row for row in rows if row["category"] == truth[row["key"]]]
    sure = [row for row in rows if not row["needs_review"]]
    sure_right = [row for row in sure if row["category"] == truth[row["key"]]]
    print(f"{len(right)} of {len(truth)} sample images have the right category.")
    print(f"{len(sure)} were tagged without asking for review; {len(sure_right)} of those are right.")
    catalogue = CATALOGUE.relative_to(Path.cwd()) if CATALOGUE.is_relative_to(Path.cwd()) else CATALOGUE
    print(f"The catalogue: {catalogue}")
    print(f"To settle the others in a browser: TAGGER_DATABASE_URL=sqlite:///{catalogue} {TAGGER} review")
    return 0 if len(rows) == len(truth) else 1


if __name__ == "__main__":
    sys.exit(main())
