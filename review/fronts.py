"""Fronts: where the queue was found to begin, so that not everybody walks over what is settled or on screens."""

import time

from db.review.filters import Filters, Place

FRESH_S = 5.0
"""How long a front holds. What is flagged anew before it, or free again in another process, waits for so long."""
_MOST = 1000


class Fronts:
    """The fronts of a process by what is asked for. Threads share it."""

    def __init__(self) -> None:
        self._places: dict[tuple[Filters, bool], tuple[Place, float]] = {}

    def of(self, filters: Filters, mode: str) -> Place | None:
        """Return where to look from; None if that is not known, or was known too long ago."""
        place, until = self._places.get(_what(filters, mode), (None, 0.0))
        return place if time.monotonic() < until else None

    def note(self, filters: Filters, mode: str, place: Place | None) -> None:
        """Note the first image of a full screen; None where there was too little for one, of which all is looked at."""
        if place is None:
            self._places.pop(_what(filters, mode), None)
            return
        if len(self._places) >= _MOST:
            self.forget()
        known = self._places.get(_what(filters, mode))
        until = known[1] if known and time.monotonic() < known[1] else time.monotonic() + FRESH_S
        self._places[_what(filters, mode)] = (place, until)

    def forget(self) -> None:
        """Look at everything again, as images have been given back."""
        self._places.clear()


def _what(filters: Filters, mode: str) -> tuple[Filters, bool]:
    """Return what has a front: products have one of their own, as their walk passes by what is of none."""
    return filters, mode == "product"
