"""The parts that the routes share: settings, catalogue, pictures, categories, metrics and the limit of requests."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from db.review import pairs, screens
from db.session import reading
from review.access.links import links_of
from review.access.oidc import SingleSignOn
from review.access.rates import Rate
from review.board.comparisons import Comparisons
from review.board.figures import Figures
from review.categories import Categories
from review.fronts import Fronts
from review.metrics import Metrics
from review.thumbnails import Thumbnails
from review.trying.trials import Trials
from worker.bootstrap import Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import Request
    from sqlalchemy import Row

    from db.review.pairs import Pair
    from db.session import Sessions
    from worker.settings import Settings

_REQUESTS = 6000
"""Of one user in a minute; a screen of 96 pictures is 98 of them."""


_COUNT_AGE_S = 5.0
_PAIRS_AGE_S = 60.0


class Parts:
    """What a review process is made of; each part is built when it is first needed."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self.settings, self.sessions = settings, sessions
        self.categories = Categories(settings, sessions)
        stores = Stores(settings)
        self.thumbnails, self.links = Thumbnails(settings, stores), links_of(settings, stores)
        self.metrics = Metrics()
        self.fronts = Fronts()
        self.figures, self.comparisons = Figures(settings, sessions), Comparisons(settings, sessions)
        self.trials = Trials(settings, sessions)
        self.stopping: Callable[[], bool] = lambda: False
        self._counting, self._counted_at = Lock(), -_COUNT_AGE_S - 1
        self._waiting: Sequence[Row[str, str | None, int, float]] = []
        self._pairs: list[Pair] = []
        self._paired_at = -_PAIRS_AGE_S - 1
        self.single_sign_on = SingleSignOn(settings) if settings.oidc_issuer else None
        self._rate = Rate(_REQUESTS)

    def may_ask(self, user_id: int) -> bool:
        """Count a request; whether it is within the limit."""
        return self._rate.allows(user_id)

    def waiting(self) -> Sequence[Row[str, str | None, int, float]]:
        """Count what waits by category and reason; a count that is a few seconds old is good enough."""
        with self._counting:
            if time.monotonic() - self._counted_at > _COUNT_AGE_S:
                with reading(self.sessions) as session:
                    self._waiting = screens.waiting(session)
                self._counted_at = time.monotonic()
            return self._waiting

    def confused(self) -> list[Pair]:
        """List the pairs of categories that people corrected into one another, as a minute ago at the latest."""
        with self._counting:
            if time.monotonic() - self._paired_at > _PAIRS_AGE_S:
                with reading(self.sessions) as session:
                    self._pairs = pairs.confused(session)
                self._paired_at = time.monotonic()
            return self._pairs


def parts_of(request: Request) -> Parts:
    """Return the parts of the application that a request came to."""
    parts: Parts = request.app.state.parts
    return parts
