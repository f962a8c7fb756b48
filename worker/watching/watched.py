"""The catalogue as one watches it: its status, how fast its runs are, what is stuck and how the last night is."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from db.operations import schedule
from db.reporting import watch
from db.session import Sessions, now, reading
from db.status import status, waiting_models
from worker.bundle_lookup import is_here
from worker.settings import Settings
from worker.watching.deadlines import last_night
from worker.watching.pace import Pace


@dataclass
class Watched:
    """The catalogue as one looks at it, and how fast its runs have been since one began to."""

    settings: Settings
    sessions: Sessions
    paces: dict[int, Pace] = field(default_factory=dict)

    def look(self) -> dict[str, Any]:
        """Collect the status, and what a watch adds to it."""
        doorbells = self._doorbells()
        with reading(self.sessions) as session:
            snapshot = status(session)
            snapshot["stuck"] += self._without_bundle(session)
            snapshot["runs"] = self._with_pace(session, snapshot["runs"])
            snapshot["oldest_waiting_s"] = watch.oldest_waiting_s(session)
            snapshot["night"] = self._night(session)
        for name, queue in snapshot["queues"].items():
            queue["doorbells"] = doorbells.get(name)
        return snapshot

    def _without_bundle(self, session: Session) -> Iterator[dict[str, Any]]:
        """Look for models that images wait for, and that no worker on this host could load."""
        for model, items in waiting_models(session):
            if not is_here(model, self.settings.bundle_folders):
                yield {"items": items, "why": f"their bundle {model.bundle_id} is in no folder of TAGGER_BUNDLES here"}

    def _doorbells(self) -> dict[str, int]:
        if self.settings.embedded:  # importing Celery takes a third of a second
            return {}
        from worker.celery import depths

        return depths(self.settings)

    def _with_pace(self, session: Session, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add to each run how far it is and how fast: lately, if one watches, or else on average so far."""
        current, progress = now(session), {run.run_id: run for run in watch.progress(session)}
        for run in runs:
            far = progress.get(run["id"])
            if far is None:
                continue
            pace = self.paces.setdefault(far.run_id, Pace())
            pace.add(time.monotonic(), far.run_id, done=far.done, left=far.left)
            so_far_s = max((current - datetime.fromisoformat(run["created_at"])).total_seconds(), 1.0)
            rate = (pace.per_second() or far.done / so_far_s) if far.moves else 0.0
            run |= {"done": far.done, "open": far.left, "images_per_second": round(rate, 1)}
            run["seconds_left"] = round(far.left / rate) if rate else None
        return runs

    def _night(self, session: Session) -> dict[str, Any] | None:
        current = now(session)
        night = last_night(session, self.settings, current)
        if night is None:
            return None
        run, deadline = night.run, night.deadline
        left_s = round((deadline - current).total_seconds()) if deadline else None
        return {
            "night": night.key,
            "due_at": night.due_at.isoformat(),
            "run": run.id if run else None,
            "state": run.state if run else "absent",
            "finished_at": run.finished_at.isoformat() if run and run.finished_at else None,
            "deadline": deadline.isoformat() if deadline else None,
            "deadline_seconds_left": None if run and run.state == "finished" else left_s,
            "told": sorted(schedule.told(session, night.key)),
        }
