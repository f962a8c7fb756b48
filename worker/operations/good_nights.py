"""The ping after each good night, for a service elsewhere that notices when none comes."""

import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

import structlog
from pydantic import SecretStr
from sqlalchemy.orm import Session

from db.operations import schedule
from db.operations.schedule import NIGHTLY
from db.session import Sessions, in_transaction

log = structlog.get_logger()

LATELY_S = 86_400.0
TIMEOUT_S = 10.0
PAUSES_S = (0.0, 1.0, 4.0)
"""Before each try."""


def note_good(sessions: Sessions) -> list[str]:
    """Note which of the nights that finished lately were good; returns those of which nobody has known."""
    return in_transaction(sessions, _note)


def _note(session: Session) -> list[str]:
    untold = schedule.untold_nights(session, NIGHTLY, "good", within_s=LATELY_S)
    good = [run for run in untold if "joined_to" not in run.counts and is_good(run.counts)]
    return [run.logical_key for run in good if schedule.tell(session, run.logical_key, "good", dict(run.counts))]


def is_good(counts: Mapping[str, Any]) -> bool:
    """Tell whether a finished night saw its source, all of it, and could tag what was new, if anything was."""
    failed = counts.get("skipped", 0) + counts.get("quarantined", 0)
    return counts["seen"] > 0 and not counts["gone_refused"] and (counts.get("tagged", 0) > 0 or not failed)


def ping(url: SecretStr, night: str) -> None:
    """Call the URL, a second and a third time if that fails. Never raises, and logs nothing of the URL."""
    error: Exception | None = None
    for pause_s in PAUSES_S:
        time.sleep(pause_s)
        try:
            urlopen(url.get_secret_value(), timeout=TIMEOUT_S).close()  # noqa: S310 -- the settings let in http(s) alone
        except (OSError, HTTPException, ValueError) as failed:
            error = failed
        else:
            log.info("pinged", night=night)
            return
    log.error("ping_failed", night=night, error=f"{type(error).__name__}: {getattr(error, 'reason', '')}")
