"""The gate as the scheduler sees it: nights are judged though nobody claims, and what was found is told once."""

from sqlalchemy.orm import Session

from db.reporting import gate
from db.session import Sessions, in_transaction
from worker.operations.gate import gate_of
from worker.settings import Settings
from worker.watching.deadlines import Trouble


class NightGate:
    """The gate of this scheduler. Workers ask one of their own whenever they claim."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._sessions = sessions
        self._gate = gate_of(settings)

    def judge(self) -> None:
        """Judge the nights at work."""
        if self._gate is not None:
            in_transaction(self._sessions, self._gate.limits)


def unusual(session: Session) -> list[Trouble]:
    """Return what the gate found lately and nobody was told of."""
    return [
        Trouble(run.logical_key, "gate", {"run": run.id, "action": found.action, **found.detail})
        for run, found in gate.untold(session)
    ]
