"""`tagger run` and `tagger scan`: find what is new in a source, and tag it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.options import NAMED, AsLastLine
from cli.output import print_pairs, say, tell
from cli.tagging.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from model.bundle import Bundle
    from scheduler.discovery import Scanned

Source = Annotated[str | None, typer.Argument(help="A folder, or s3://bucket/prefix. Default: TAGGER_SOURCE.")]
Model = Annotated[str | None, typer.Option(help=NAMED)]
Mass = Annotated[
    bool, typer.Option("--allow-mass-removal", help="Accept a listing that lacks more than 20 % of the known images.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Tag at most this many new images.")]


def run(
    source: Source = None,
    model: Model = None,
    limit: Limit = None,
    allow_mass_removal: Mass = False,
    as_json: AsLastLine = False,
) -> None:
    """Scan a source, tag every new or changed image, and report. An interrupted run continues at the next call."""
    # Before numpy is imported, as in a worker's child: a second thread for its small products waits busily.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with interruptible():
        from cli.tagging import left_open, model_hint
        from cli.tagging.follow import follow

        job = Job.prepare(source, model, needs_broker=True, may_be_gone=allow_mass_removal)
        classifiers = job.classifiers()
        for line in () if as_json else model_hint.lines(job.settings, job.bundle):
            tell(f"tagger: {line}")
        begun = time.monotonic()
        run_id, scanned = job.scan(limit, allow_mass_removal)
        if job.settings.embedded:
            left_open.adopt(job, run_id, limit)
        counts = follow(job.settings, job.sessions, run_id, classifiers)
        seconds = time.monotonic() - begun
    finish(job, run_result(job, run_id, scanned, counts, seconds), scanned, counts, as_json=as_json)


def scan(
    source: Source = None, model: Model = None, allow_mass_removal: Mass = False, as_json: AsLastLine = False
) -> None:
    """Record what is new, changed or gone, without tagging. Workers or the next `tagger run` tag it."""
    from db import runs

    with interruptible():
        job = Job.prepare(source, model, needs_broker=False, may_be_gone=allow_mass_removal)
        run_id, scanned = job.scan(None, allow_mass_removal)
    with job.sessions.begin() as session:
        runs.close_finished(session, [run_id])
    result = _scan_result(run_id, scanned)
    print(json.dumps(result) if as_json else "  ".join(f"{name} {value}" for name, value in result.items()))
    _warn_of_removal(scanned)
    raise typer.Exit(1 if scanned.refused or _warn_of_nothing(job, scanned) else 0)


def finish(job: Job, result: dict[str, Any], scanned: Scanned, counts: Mapping[str, int], *, as_json: bool) -> NoReturn:
    """Report a run that has ended, and end the command."""
    from cli.tagging import left_open

    if as_json:
        print(json.dumps(result))
    else:
        _print_summary(result, job.bundle)
    _warn_of_removal(scanned)
    in_vain = _warn_of_nothing(job, scanned, counts)
    left_behind = job.settings.embedded and left_open.warn_of_waiting(job.sessions, result["run"])
    raise typer.Exit(1 if counts["quarantined"] or scanned.refused or in_vain or left_behind else 0)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into exit code 130 and a line that says how to continue."""
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as stop:
        tell(f"tagger: {str(stop) or 'stopped'}. Run the same command again to continue.")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, handler)


def _scan_result(run_id: int, scanned: Scanned) -> dict[str, Any]:
    found = {name: getattr(scanned, name) for name in ("seen", "new", "changed", "gone", "left_out")}
    return {"run": run_id, **found}


def run_result(job: Job, run_id: int, scanned: Scanned, counts: dict[str, int], seconds: float) -> dict[str, Any]:
    return {
        **_scan_result(run_id, scanned),
        **{name: counts[name] for name in ("tagged", "needs_review", "skipped", "quarantined")},
        "seconds": round(seconds, 3),
        "images_per_second": round((counts["tagged"] - job.tagged_before) / seconds, 1),
    }


def _print_summary(result: dict[str, Any], bundle: Bundle) -> None:
    say(f"Run {result['run']} with the bundle {bundle.id}")
    print_pairs((name.replace("_", " "), f"{value:,}") for name, value in result.items() if name != "run")
    if result["skipped"] or result["quarantined"]:
        say("Not tagged: tagger failures")
    if result["needs_review"]:
        say("For review: tagger export --needs-review")


def _warn_of_nothing(job: Job, scanned: Scanned, counts: Mapping[str, int] | None = None) -> bool:
    """Say so if the source is empty, though no image went, or if none of its files could be tagged."""
    if not scanned.seen and not scanned.gone and not scanned.refused:
        but = f" but {scanned.left_out:,} that TAGGER_IGNORE leaves out" if scanned.left_out else ""
        tell(f"tagger: nothing was found under {job.store.bucket}/{job.store.prefix}{but}")
        return True
    if not scanned.seen or counts is None or counts["tagged"] or counts["open"]:
        return False
    from db import catalogue
    from db.session import reading

    with reading(job.sessions) as session:
        untagged = catalogue.untagged(session, job.store.bucket, job.store.prefix)
    if untagged < scanned.seen:
        return False
    tell(f"tagger: none of {scanned.seen:,} files could be tagged; `tagger failures` says why")
    return True


def _warn_of_removal(scanned: Scanned) -> None:
    if scanned.refused:
        print(
            f"tagger: {scanned.refused} of {scanned.known} known images are missing from the source; none was marked "
            "gone. Check that it is the right source and completely mounted; if they are really gone, use "
            "--allow-mass-removal",
            file=sys.stderr,
        )
