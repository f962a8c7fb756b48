"""The dashboard's figures as its template shows them."""

from typing import Any

from markupsafe import Markup

from db.operations.schedule import NIGHTLY
from review.board import charts, problems
from review.board.figures import Counted, Moment
from review.board.wording import age, number, percent, span
from review.locale.texts import gettext as _
from worker.watching.remedies import REMEDIES

_CATEGORIES = 12


def of(moment: Moment | None, counted: Counted | None) -> dict[str, Any]:
    """Return what the template takes; without figures of the moment only that they are not to be had."""
    if moment is None:
        return {"moment": None}
    return {
        "moment": moment,
        "problems": problems.of(moment),
        "runs": [_run(run) for run in moment.status["runs"]],
        "nights": _nights(moment),
        "queue": counted and _queue(moment, counted),
        "failures": counted and [row | {"remedy": REMEDIES[row["reason"]]} for row in counted.failures],
        "mix": counted and _mix(counted),
        "counted": counted,
    }


def _run(run: dict[str, Any]) -> dict[str, Any]:
    done, open_ = run.get("done", 0), run.get("open", 0)
    total = done + open_
    left_s = run.get("seconds_left")
    return run | {
        "share": done / total if total else None,
        "total": total,
        "left": None if left_s is None else span(left_s),
        "name": run["logical_key"],
    }


def _nights(moment: Moment) -> dict[str, Any]:
    nights = [_night(run) for run in moment.nights]
    in_order = nights[::-1]
    return {
        "rows": nights[:5],
        "count": len(nights),
        "tagged": charts.sparkline(
            [night["tagged"] for night in in_order],
            [f"{night['date']}: {number(night['tagged'])}" for night in in_order],
            _("Images tagged by night"),
        ),
        "flagged": charts.sparkline(
            [night["flagged"] for night in in_order],
            [f"{night['date']}: {percent(night['flagged'])}" for night in in_order],
            _("Share for review by night"),
        ),
    }


def _night(run: dict[str, Any]) -> dict[str, Any]:
    tagged, failed = run.get("tagged", 0), run.get("skipped", 0) + run.get("quarantined", 0)
    return {
        "id": run["id"],
        "date": run["logical_key"].removeprefix(f"{NIGHTLY}:"),
        "state": run["state"],
        "tagged": tagged,
        "failed": failed,
        "flagged": run.get("needs_review", 0) / tagged if tagged else None,
    }


def _queue(moment: Moment, counted: Counted) -> dict[str, Any]:
    pace = moment.pace
    return {
        "waiting": counted.waiting,
        "age": counted.oldest_at and age(counted.oldest_at, moment.at),
        "last_day": pace.last_day,
        "left": span(counted.waiting / pace.per_hour * 3600) if pace.last_day and counted.waiting else None,
    }


def _mix(counted: Counted) -> dict[str, Any]:
    results = counted.results
    shown = results.categories.most_common(_CATEGORIES)
    top = shown[0][1] if shown else 1
    rows: list[tuple[str, int, Markup, str]] = [
        (name, images, charts.share(images / top, percent(images / results.images)), percent(images / results.images))
        for name, images in shown
    ]
    flagged = sum(results.flags.values())
    return {
        "run": counted.run,
        "rows": rows,
        "others": len(results.categories) - len(shown),
        "images": results.images,
        "flagged": flagged / results.images if results.images else None,
        "flags": results.flags.most_common(),
    }
