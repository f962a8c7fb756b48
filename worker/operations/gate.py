"""The night's gate: a night unlike the good ones before it is held, or a warning is given, before much of it is tagged.

Whoever claims asks it, in the transaction of the claim, so that nobody claims what a look at the last results would
have held. While too few images are done to tell, and if the night could be held, no more than half as many again are
handed out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import structlog
from sqlalchemy.orm import Session

from db import runs
from db.operations import control, notes
from db.reporting import gate
from db.reporting.batches import BANDS, LEAST, Batch, beginning, stretches
from db.reporting.gate import GATE, Progress
from db.schema import Run
from worker.operations.report import LARGE_SHIFT
from worker.settings import Settings

if TYPE_CHECKING:
    import numpy as np

log = structlog.get_logger()

SHARE = 0.02
AHEAD = 1.5
"""Of the images after which a night is judged, so many times as many are handed out before."""
ENOUGH = 5
"""With fewer good nights the gate only warns."""
WIDTH = 0.02
"""A share may leave those of the good nights by this much, however much alike these were."""
SIGMAS = 4.0
"""So far beyond what was seen a figure may be, in standard deviations; farther where few nights tell of these."""
_MAD_TO_SIGMA = 1.4826
_SHIFT_BY_CHANCE = BANDS - 1 + 6 * math.sqrt(2 * (BANDS - 1))
"""Divided by the number of images: what a shift hardly ever exceeds by chance, being distributed like chi-squared."""
Figure = Literal["flagged", "unlike_training", "failed"]
_SHARES: dict[Figure, tuple[str, str]] = {
    "flagged": ("flagged", "results"),
    "unlike_training": ("unlike", "results"),
    "failed": ("failed", "images"),
}
"""Each share: of which images, among which."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A figure of a night that is outside the band of the good ones."""

    figure: Figure | Literal["confidence"]
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.figure == "confidence":
            return f"confidences shifted by {self.value:.2f} (good nights: at most {self.high:.2f})"
        return f"{self.figure.replace('_', ' ')} {self.value:.1%} (good nights: {self.low:.1%} to {self.high:.1%})"


def gate_of(settings: Settings) -> Gate | None:
    """Return the gate that the settings ask for; None if it is off."""
    return None if settings.gate == "off" else Gate(holds=settings.gate == "hold")


class Gate:
    """The gate of one process, which remembers the good nights."""

    def __init__(self, *, holds: bool) -> None:
        self._holds = holds
        self._nights: dict[int, list[list[Batch]]] = {}
        self._judged_at: dict[int, int] = {}

    def limits(self, session: Session, run_id: int | None = None) -> dict[int, int]:
        """Judge the nights at work, or this run if it is one; returns how many new items of them may be claimed.

        A night that is not among these is free.
        """
        return {run.id: left for run in gate.at_work(session, run_id) if (left := self._left(session, run)) is not None}

    def _left(self, session: Session, run: Run) -> int | None:
        nights = self._good_nights(session, run)
        if not nights:
            return None
        may_hold = self._holds and len(nights) >= ENOUGH
        far = gate.progress(session, run.id)
        if may_hold and far.images < needed(far.items):
            runs.locked(session, run.id)  # so that of all who claim at once each sees what the others have claimed
            far = gate.progress(session, run.id)
        least = needed(far.items)
        if far.images < least:
            return max(0, math.floor(AHEAD * least) - far.images - far.leased) if may_hold else None
        if far.images < self._judged_at.get(run.id, 0) + least:
            return None
        self._judged_at = {run.id: far.images}
        deviations = judge(gate.figures(session, run.id, far), nights)
        if deviations and self._find(session, run.id, far, nights, deviations):
            return 0
        return None

    def _good_nights(self, session: Session, run: Run) -> list[list[Batch]]:
        if run.id not in self._nights:
            self._nights = {run.id: gate.good_nights(session, run)}
        return self._nights[run.id]

    def _find(
        self, session: Session, run_id: int, far: Progress, nights: Sequence[object], deviations: Sequence[Deviation]
    ) -> bool:
        """Keep what was found, and hold the night if that is what is wanted; whether it is held."""
        run = runs.locked(session, run_id)
        if gate.finding(session, run_id) is not None or run.state not in ("scanning", "running"):
            return run.state == "paused"
        action = "learning" if len(nights) < ENOUGH else "held" if self._holds else "warned"
        detail = as_detail(far, len(nights), deviations)
        gate.note(session, run_id, action, detail)
        if action == "held":
            control.pause(session, run_id, actor=GATE, why=detail["text"])
        else:
            notes.add(session, run_id, detail["text"], actor=GATE)
        log.error("night_held" if action == "held" else "night_unusual", run=run_id, why=detail["text"])
        return action == "held"


def needed(items: int) -> int:
    """Return after how many images a night of this size is judged."""
    return max(LEAST, math.ceil(SHARE * items))


def as_detail(far: Progress, nights: int, deviations: Sequence[Deviation]) -> dict[str, Any]:
    """Return what was found at a night as JSON takes it, and in words."""
    what = "; ".join(map(str, deviations))
    text = f"the gate: {what}; after {far.images:,} of {far.items:,} images, beside {nights} good nights"
    return {
        "text": text,
        "images": far.images,
        "of": far.items,
        "nights": nights,
        "deviations": [asdict(deviation) for deviation in deviations],
    }


def judge(tonight: Batch, nights: Sequence[Sequence[Batch]]) -> list[Deviation]:
    """Return the figures of a night that are outside the band of the good nights, of which there is at least one.

    A night so far is compared with stretches of as many images of the good ones, and with their beginnings, as images
    that follow each other are alike: a folder, a product. So the band holds all that was seen of so few images, by
    chance or not, and a margin.
    """
    parts = [[beginning(night, tonight.images), *stretches(night, tonight.images)] for night in nights]
    wholes = [sum(night, Batch()) for night in nights]
    found = [*(_share(figure, tonight, parts, wholes) for figure in _SHARES), _shift(tonight, parts)]
    return [deviation for deviation in found if deviation is not None]


def _share(
    figure: Figure, tonight: Batch, parts: Sequence[Sequence[Batch]], wholes: Sequence[Batch]
) -> Deviation | None:
    """Compare a share. Few flagged images are unusual, too; that few fail, or few are unlike the training, is not."""
    whole = _SHARES[figure][1]
    images = getattr(tonight, whole)
    if not images:
        return None
    seen = [_share_of(figure, stretch) for night in parts for stretch in night if getattr(stretch, whole)]
    spread = _spread([_share_of(figure, night) for night in wholes if getattr(night, whole)])
    sigmas = _sigmas(len(wholes))
    drawn = sum(getattr(night, whole) for night in wholes) / len(wholes) / images
    low, high = (
        edge + sign * max(WIDTH, sigmas * math.sqrt(spread**2 + _variance(edge, images, drawn)))
        for edge, sign in ((min(seen), -1), (max(seen), 1))
    )
    value, low = _share_of(figure, tonight), max(0.0, low) if figure == "flagged" else 0.0
    return None if low <= value <= high else Deviation(figure, round(value, 4), round(low, 4), round(min(high, 1.0), 4))


def _share_of(figure: Figure, batch: Batch) -> float:
    part, whole = _SHARES[figure]
    return float(getattr(batch, part) / getattr(batch, whole))


def _sigmas(nights: int) -> float:
    """Return how many standard deviations are allowed, as one that few nights tell may be too small by half."""
    return SIGMAS * (1 + 5 / nights)


def _variance(share: float, images: int, drawn: float) -> float:
    """Return the variance by chance of a share, which is not zero where none of so few images has counted yet.

    The share is the least or the most of those that a good night drew so many times, which lies far out by chance
    already; the more there are, the less it varies: as 1 / (1 + log n), nearly, if they vary like a normal.
    """
    share = (share * images + 2) / (images + 4)
    return share * (1 - share) / images / (1 + math.log(max(1, math.floor(drawn))))


def _shift(tonight: Batch, parts: Sequence[Sequence[Batch]]) -> Deviation | None:
    """Compare the confidences with the stretch of a good night that they are most like.

    How far that may be off is learned from the good nights: how far each is from the others where it is most unlike.
    """
    if tonight.results < LEAST / 2:
        return None
    import numpy as np  # only to judge: the scheduler starts without it

    of_night = np.repeat(np.arange(len(parts)), [len(night) for night in parts])
    seen = np.array([stretch.bands for night in parts for stretch in night])
    value = float(shifts(np.array([tonight.bands]), seen).min())
    among = shifts(seen, seen)
    among[of_night[:, None] == of_night[None, :]] = np.inf
    usual = (
        [float(among[of_night == night].min(axis=1).max()) for night in range(len(parts))] if len(parts) > 1 else [0]
    )
    high = max(LARGE_SHIFT, median(usual) + _sigmas(len(parts)) * _spread(usual)) + _SHIFT_BY_CHANCE / tonight.results
    return Deviation("confidence", round(value, 4), 0.0, round(high, 4)) if value > high else None


def shifts(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Compute the population stability index of each of some histograms, int[N, B], with others: float[N, M]."""
    import numpy as np

    (p, log_p), (q, log_q) = _shares_and_logs(some), _shares_and_logs(others)
    return np.asarray((p * log_p).sum(1)[:, None] + (q * log_q).sum(1)[None, :] - p @ log_q.T - log_p @ q.T)


def _shares_and_logs(histograms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    shares = np.maximum(histograms, 0.5) / np.maximum(histograms.sum(axis=1, keepdims=True), 1)
    return shares, np.log(shares)


def _spread(values: Sequence[float]) -> float:
    """Return a robust estimate of the standard deviation, from the median of the distances to the median."""
    middle = median(values)
    return _MAD_TO_SIGMA * median(abs(value - middle) for value in values)
