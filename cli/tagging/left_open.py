"""What other runs have left open: tagged by this one without workers, or told, so that no image is left behind."""

import shlex
from collections.abc import Callable
from functools import partial

from sqlalchemy.orm import Session

from cli.context import sqlite_file
from cli.output import tell
from cli.tagging.holders import Holder
from cli.tagging.job import Job
from db import runs
from db.queue import open_work
from db.queue.open_work import Waiting
from db.schema import Run
from db.session import Sessions, in_transaction, reading

_STEP_ROWS = 1000
_Change = Callable[..., int]


def adopt(job: Job, run_id: int, limit: int | None) -> None:
    """Take over what other runs of this source have left open, as far as a limit allows."""
    holder = Holder(sqlite_file(job.settings.database_url))
    holder.end_leases_of_the_dead(job.sessions)
    holder.close()
    counts = in_transaction(job.sessions, lambda session: runs.work_counts(session, run_id))
    images = sum(counts.values()) - counts["needs_review"]
    adopted = _in_steps(job, run_id, open_work.adopt, None if limit is None else max(0, limit - images))
    superseded = _in_steps(job, run_id, open_work.supersede)
    if adopted:
        tell(f"tagger: this run tags {adopted:,} images that others have left open")
    if superseded:
        tell(f"tagger: {superseded:,} images wait no longer for another version of {job.bundle.name}")
    in_transaction(job.sessions, runs.close_finished)


def _in_steps(job: Job, run_id: int, change: _Change, at_most: int | None = None) -> int:
    """Make this change in transactions of some rows each; return how many rows changed."""

    def step(session: Session, rows: int) -> int:
        run = session.get_one(Run, run_id)
        return change(session, run, job.store.bucket, job.store.prefix, at_most=rows)

    done = 0
    while rows := _STEP_ROWS if at_most is None else min(_STEP_ROWS, at_most - done):
        changed = in_transaction(job.sessions, partial(step, rows=rows))
        if not changed:
            break
        done += changed
    return done


def warn_of_waiting(sessions: Sessions, run_id: int) -> bool:
    """Say how many images wait in which other run, if nobody works on them."""
    with reading(sessions) as session:
        waiting = open_work.waiting(session, but_run=run_id)
    for run in waiting:
        tell(f"tagger: {run.images:,} images wait in run {run.run_id}{_remedy(run)}")
    return bool(waiting)


def _remedy(run: Waiting) -> str:
    if run.state == "paused":
        return ", which is paused"
    if run.source is None:
        return f" ({run.kind}); `tagger status` shows it"
    return "; go on with it: " + shlex.join(["tagger", "run", run.source, "--model", run.bundle_id])
