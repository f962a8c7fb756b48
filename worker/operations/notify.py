"""Messages to people, by apprise: alerts, and the report of each night with its page attached.

A thread of its own sends them, as nobody knows how long a server elsewhere takes, and no address is ever logged.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.operations import schedule
from db.operations.schedule import NIGHTLY
from db.schema import Run
from db.session import Sessions, in_transaction, reading
from worker.operations.report import collect
from worker.settings import BadSettings, Settings
from worker.watching.deadlines import Trouble

log = structlog.get_logger()

LATELY_S = 86_400.0
PAUSES_S = (0.0, 2.0, 10.0)
"""Before each try."""
UNSURE = 24
_TITLES = {
    "absent": "has not begun",
    "late": "will not be done in time",
    "missed": "was not done in time",
    "gate": "is unlike the good nights",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a title and some sentences, and the run whose report's page goes with it."""

    title: str
    body: str
    run_id: int | None = None


def of_trouble(trouble: Trouble) -> Message:
    """Return the message of an alert."""
    run_id = trouble.detail.get("run") if trouble.notice == "gate" else None
    sentences = [f"{name}: {value}" for name, value in trouble.detail.items() if name in ("due", "eta", "deadline")]
    if trouble.notice == "gate":
        held = trouble.detail["action"] == "held"
        sentences = [f"{trouble.detail['text']}.", "The run is held." if held else "The run goes on."]
        sentences.append(f"To let it through: tagger runs resume {run_id} --accept WHY")
    return Message(f"{trouble.night} {_TITLES[trouble.notice]}", "\n".join(sentences), run_id)


def reports(sessions: Sessions) -> list[Message]:
    """Note which of the nights that finished lately nobody has been sent a report of; returns these reports."""
    return in_transaction(sessions, _reports)


def _reports(session: Session) -> list[Message]:
    untold = [
        run
        for run in schedule.untold_nights(session, NIGHTLY, "report", within_s=LATELY_S)
        if "joined_to" not in run.counts
    ]
    return [_of_run(run) for run in untold if schedule.tell(session, run.logical_key, "report", {})]


def _of_run(run: Run) -> Message:
    counts = run.counts
    failed = counts.get("skipped", 0) + counts.get("quarantined", 0)
    body = (
        f"{counts['seen']:,} images seen, {counts['new']:,} of them new. {counts.get('tagged', 0):,} tagged, "
        f"{counts.get('needs_review', 0):,} of these for review; {failed:,} without a tag."
    )
    return Message(f"{run.logical_key} is finished", body, run.id)


def targets(urls: str) -> list[Any]:
    """Return what apprise makes of URLs. Raises BadSettings, which names none."""
    import apprise
    from apprise.utils.parse import parse_urls

    named = parse_urls(urls)
    found = [apprise.Apprise.instantiate(url) for url in named]
    wrong = [str(number) for number, target in enumerate(found, 1) if target is None]
    if wrong or not found:
        unread = f"of its {len(named)} URLs apprise cannot read number {', '.join(wrong)}"
        which = unread if wrong else "it names no URL"
        raise BadSettings(f"TAGGER_NOTIFY: {which}; write them as apprise's documentation does, with spaces between")
    return found


def deliver(settings: Settings, sessions: Sessions, message: Message) -> None:
    """Send a message to each target, again where that fails. Never raises, and logs nothing of a URL."""
    if settings.notify is None:
        return
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # whose lines may show what is secret
    try:
        found = targets(settings.notify.get_secret_value())
    except BadSettings as error:
        log.error("notify_failed", title=message.title, error=str(error))
        return
    with TemporaryDirectory(prefix="tagger-") as folder:
        page = _page(settings, sessions, message, Path(folder))
        for number, target in enumerate(found, 1):
            name = f"{number} of {len(found)} ({target.service_name})"
            if any(_send(target, message, page, pause_s) for pause_s in PAUSES_S):
                log.info("notified", title=message.title, target=name)
            else:
                log.error("notify_failed", title=message.title, target=name)


def _send(target: Any, message: Message, page: Path | None, pause_s: float) -> bool:
    time.sleep(pause_s)
    attached = {"attach": [str(page)]} if page is not None and target.attachment_support else {}
    try:
        return bool(target.notify(title=message.title, body=message.body, body_format="text", **attached))
    except Exception:  # noqa: BLE001 -- of a hundred services each raises what it likes, and may name its URL there
        return False


def _page(settings: Settings, sessions: Sessions, message: Message, folder: Path) -> Path | None:
    """Write the page of a message's run; None if there is none, or it cannot be made."""
    from worker.bootstrap import Stores
    from worker.operations.report_page import render

    if message.run_id is None:
        return None
    try:
        with reading(sessions) as session:
            run = session.get_one(Run, message.run_id)
            data = collect(session, run, unsure=UNSURE, cost_per_hour=settings.cost_per_hour)
        page = folder / f"{run.logical_key.replace(':', '-').replace('/', '-')}.html"
        page.write_text(render(data, Stores(settings), settings.decode_limits), encoding="utf-8")
    except (SQLAlchemyError, OSError, RuntimeError) as error:
        log.error("report_not_made", run=message.run_id, error=str(error))
        return None
    return page


class Notifier:
    """What sends the messages of a process, one after another, in a thread of its own."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._waiting: SimpleQueue[Message | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def tell(self, messages: Sequence[Message]) -> None:
        """Have messages sent, if the settings say to whom."""
        if self._settings.notify is None or not messages:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
            self._thread.start()
        for message in messages:
            self._waiting.put(message)

    def tell_reports(self) -> None:
        """Have the reports sent of nights that have finished since."""
        if self._settings.notify is not None:
            self.tell(reports(self._sessions))

    def close(self, timeout_s: float) -> None:
        """Send what waits, as far as that takes no longer."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while (message := self._waiting.get()) is not None:
            try:
                deliver(self._settings, self._sessions, message)
            except Exception:
                log.exception("notify_failed", title=message.title)
