"""The figures of the dashboard: those of the moment, and those for which many rows are counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from db import catalogue
from db.operations import notes, schedule
from db.reporting import history, models, overview, review_queue
from db.reporting.history import Results
from db.review import screens
from db.session import Sessions, now, reading
from review.board import models as described
from review.board.kept import Kept
from worker.settings import Settings
from worker.watching import schedule as calendar
from worker.watching.watched import Watched

NIGHTS = 14
_FRESH_S, _COUNTED_S = 2.0, 15.0
_PATIENCE_S, _LONG_IDLE_S = 0.03, 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What costs next to nothing to know: the work, the nights, the schedule, the pace of people."""

    at: datetime
    status: dict[str, Any]
    schedule: dict[str, Any]
    nights: list[dict[str, Any]]
    held: dict[int, dict[str, Any]]
    pace: review_queue.Pace
    embedded: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """What walks over rows: the queue, failures by reason, the results of the last run, and the models' figures."""

    at: datetime
    waiting: int
    failures: list[dict[str, Any]]
    oldest_at: datetime | None
    run: str | None
    results: Results
    models: list[dict[str, Any]]


class Figures:
    """Keeps the figures fresh for all who look at them."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings, self._sessions = settings, sessions
        self._watched, self._tested = Watched(settings, sessions), described.Tested(settings)
        self._last: tuple[tuple[int, bool], Results] | None = None
        self.moment = Kept(self._moment, fresh_s=_FRESH_S)
        self.counted = Kept(self._counted, fresh_s=_COUNTED_S, share=0.05)

    def now(self, *, at_once_s: float = 0.0) -> tuple[Moment | None, Counted | None]:
        """Return what is known; waited for is only what was never found, or long ago.

        What is no older than `at_once_s` is returned at once, and made anew for whoever asks next.
        """
        if (known := self._known(at_once_s)) is not None:
            return known
        moment = self.moment.get(wait_s=_PATIENCE_S)
        if moment is None or moment.age_s > _LONG_IDLE_S:
            moment = self.moment.get(wait_s=_LONG_IDLE_S)
        counted = self.counted.get(wait_s=_PATIENCE_S)
        return (moment.value if moment else None), (counted.value if counted else None)

    def _known(self, at_once_s: float) -> tuple[Moment, Counted] | None:
        moment, counted = self.moment.get(wait_s=0), self.counted.get(wait_s=0)
        if moment is None or counted is None or moment.age_s > at_once_s:
            return None
        return moment.value, counted.value

    def _moment(self) -> Moment:
        status = self._watched.look()
        shown = calendar.collect(self._settings, self._sessions)
        with reading(self._sessions) as session:
            paused = [run["id"] for run in status["runs"] if run["state"] in ("paused", "failed")]
            return Moment(
                at=datetime.now(UTC),
                status=status,
                schedule=shown,
                nights=overview.list_runs(session, NIGHTS, schedule.NIGHTLY),
                held=_last_notes(session, paused),
                pace=review_queue.pace(session),
                embedded=self._settings.embedded,
            )

    def _counted(self) -> Counted:
        with reading(self._sessions) as session:
            run = history.last(session, [schedule.NIGHTLY, "scan"])
            is_over = run is not None and run.finished_at is not None
            known = self._last if run is not None and self._last and self._last[0] == (run.id, True) else None
            results = known[1] if known else history.results(session, [run.id]) if run else Results()
            self._last = ((run.id, is_over), results) if run else None
            return Counted(
                at=now(session),
                waiting=sum(row.images for row in screens.waiting(session)),
                failures=[dict(row._mapping) for row in catalogue.failures_by_reason(session)],
                oldest_at=review_queue.oldest(session),
                run=run.logical_key if run else None,
                results=results,
                models=described.figures(session, models.uses(session), self._tested),
            )


def _last_notes(session: Session, run_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the last note at each of these runs that has one."""
    written = {run_id: notes.of_run(session, run_id) for run_id in run_ids}
    return {run_id: of_run[-1] for run_id, of_run in written.items() if of_run}
