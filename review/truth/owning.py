"""Whose turn it is: what waits in a category goes to its owners first, and to all where they are away."""

from dataclasses import replace

from db.review import screens
from db.review.filters import Filters
from db.review.truth import owners
from db.session import reading
from review.parts import Parts


def for_turn(parts: Parts, user_id: int, filters: Filters) -> Filters:
    """Narrow filters that leave the category open: to somebody's own categories, or to those not kept for others.

    What somebody asks for by name he is given, whoever owns it.
    """
    if (filters.category or filters.pair or filters.plan or filters.product) is not None or filters.unflagged:
        return filters
    with reading(parts.sessions) as session:
        turn = owners.turn_of(session, user_id, away_s=3600 * parts.settings.owner_away_h)
        own = replace(filters, among=turn.own)
        if turn.own and screens.peek(session, user_id, own, 1):
            return own
    if not turn.kept:
        return filters
    return replace(filters, among=tuple({row.category: 0 for row in parts.waiting() if row.category not in turn.kept}))
