"""Sessions of reviewing as the pages and the API both show and undo them."""

from datetime import timedelta
from typing import Any

from db.review.access import Person
from db.review.decisions import Reviewer
from db.review.truth import sittings
from db.review.undoing import Chosen
from db.session import now, reading
from review.access.auth import scopes_of
from review.parts import Parts
from review.truth.withdrawing import Withdrawn, withdraw

SHOWN_DAYS = 7


def recent_sessions(parts: Parts, person: Person) -> list[dict[str, Any]]:
    """List the sessions of the last days, one's own, or to an operator everybody's, in the order of time."""
    own = None if "operate" in scopes_of(person) else person.user_id
    with reading(parts.sessions) as session:
        since = now(session) - timedelta(days=SHOWN_DAYS)
        found = sittings.recent(session, since, user_id=own)
        counted = sittings.figures_of(session, [one for one, _ in found])
    return [{"by": name, **figures} for figures, (_, name) in zip(counted, found, strict=True)]


def withdraw_session(parts: Parts, person: Person, session_id: int, *, of_anybody: bool) -> Withdrawn:
    """Undo all of a session. Raises NoSuchSession."""
    with reading(parts.sessions) as session:
        found = sittings.find(session, session_id, None if of_anybody else person.user_id)
    chosen = Chosen(found.user_id, session_id=found.id)
    return withdraw(parts.sessions, Reviewer(person.user_id, person.name), chosen)
