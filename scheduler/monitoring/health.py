"""The health of a scheduler, as its ticks and its watchdog see it: what `/healthz`, `/readyz` and metrics tell."""

import time
from dataclasses import dataclass, field

HANGS_AFTER_S = 60.0
STALLED_AFTER_S = 300.0


@dataclass
class Stall:
    """Work that waits while nothing is done for five minutes. Times are of a clock that only goes forward."""

    _since_s: float | None = None
    _settled: int = -1
    stalled: bool = False

    def add(self, at_s: float, *, claimable: int, settled: int) -> bool:
        """Note what is claimable and how much is done; whether that has begun or ended a stall."""
        if not claimable or settled != self._settled:
            self._since_s, self._settled = at_s, settled
        before = self.stalled
        self.stalled = self._since_s is not None and at_s - self._since_s >= STALLED_AFTER_S
        return self.stalled != before


@dataclass
class Health:
    """The state of this process: when it last ticked, whether it reached the catalogue and leads, and a stall."""

    ticked_at_s: float = field(default_factory=time.monotonic)
    reaches_catalogue: bool = True
    leads: bool = False
    stall: Stall = field(default_factory=Stall)

    def tick(self, *, reaches_catalogue: bool, leads: bool) -> None:
        """Note how a tick ended."""
        self.ticked_at_s = time.monotonic()
        self.reaches_catalogue, self.leads = reaches_catalogue, leads

    def unready(self) -> str:
        """Say why this process cannot do its part; empty if it can."""
        if time.monotonic() - self.ticked_at_s > HANGS_AFTER_S:
            return f"no tick for {HANGS_AFTER_S:.0f} s: a step hangs"
        return "" if self.reaches_catalogue else "the catalogue cannot be reached; the log says why"

    def unhealthy(self) -> str:
        """Say what a person should look at; empty if nothing."""
        if self.leads and self.stall.stalled:
            return f"work waits, and nothing was done for {STALLED_AFTER_S / 60:.0f} minutes"
        return self.unready()
