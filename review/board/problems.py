"""What is wrong, the worst first, in sentences for whoever can mend it."""

from collections.abc import Iterator
from dataclasses import dataclass

from review.board.figures import Moment
from review.locale.texts import gettext as _, ngettext


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something to look at: `bad` if work stands still or was lost, otherwise a person's own doing or a wait."""

    bad: bool
    text: str
    path: str | None = None


def of(moment: Moment) -> list[Wrong]:
    """List what is wrong, the worst first."""
    found = [*_of_nights(moment), *_of_runs(moment), *_of_work(moment)]
    return sorted(found, key=lambda wrong: not wrong.bad)


def _of_nights(moment: Moment) -> Iterator[Wrong]:
    alert, pause = moment.schedule["alert"], moment.schedule["paused"]
    if alert:
        said = {
            "absent": _("%(night)s has not begun"),
            "late": _("%(night)s will not be done before its deadline"),
            "missed": _("%(night)s was not done before its deadline"),
        }[alert["kind"]]
        yield Wrong(True, said % {"night": alert["night"]}, f"/runs/{alert['run']}" if "run" in alert else None)
    if pause:
        said = _("%(by)s has paused the nights: %(why)s")
        yield Wrong(False, said % {"by": pause["by"], "why": pause["why"]})


def _of_runs(moment: Moment) -> Iterator[Wrong]:
    for run in moment.status["runs"]:
        note = moment.held.get(run["id"])
        values = {"run": run["logical_key"], "text": note["text"] if note else "", "by": note["by"] if note else ""}
        path = f"/runs/{run['id']}"
        if run["state"] == "failed":
            yield Wrong(True, _("%(run)s failed: %(error)s") % (values | {"error": run.get("error", "")}), path)
        elif run["state"] == "paused" and note:
            yield Wrong(False, _("%(run)s is paused (%(by)s): %(text)s") % values, path)
        elif run["state"] == "paused":
            yield Wrong(False, _("%(run)s is paused") % values, path)


def _of_work(moment: Moment) -> Iterator[Wrong]:
    status = moment.status
    for stuck in status["stuck"]:
        said = ngettext("%(num)s image is stuck: %(why)s", "%(num)s images are stuck: %(why)s", stuck["items"])
        yield Wrong(True, said % {"num": f"{stuck['items']:,}", "why": stuck["why"]})
    for store in status["held_stores"]:
        values = {"bucket": store["bucket"], "until": store["until"][11:16], "reason": store["reason"]}
        yield Wrong(True, _("The store of %(bucket)s fails (%(reason)s); nobody asks it until %(until)s UTC") % values)
    if moment.embedded:
        return
    waits = any(queue["claimable"] for queue in status["queues"].values())
    if waits and not status["workers"]:
        yield Wrong(True, _("Images wait, and no worker lives: start `tagger worker`"))
    if status["scheduler"] is None:
        yield Wrong(True, _("No scheduler leads: start `tagger scheduler`"))
