"""Sessions of reviewing as the pages and the API both show and undo them."""

from db.review.access import Person
from db.review.decisions import Reviewer
from db.review.truth import sittings
from db.review.undoing import Chosen
from db.session import reading
from review.parts import Parts
from review.truth.withdrawing import Withdrawn, withdraw


def withdraw_session(parts: Parts, person: Person, session_id: int, *, of_anybody: bool) -> Withdrawn:
    """Undo all of a session. Raises NoSuchSession."""
    with reading(parts.sessions) as session:
        found = sittings.find(session, session_id, None if of_anybody else person.user_id)
    chosen = Chosen(found.user_id, session_id=found.id)
    return withdraw(parts.sessions, Reviewer(person.user_id, person.name), chosen)
