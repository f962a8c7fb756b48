"""The pace of a run: how fast it comes to its end."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Pace:
    """How fast a run comes to its end, by its numbers of done and of open items over the last minutes."""

    WINDOW_S, LEAST_S, STUCK_S = 600.0, 60.0, 300.0

    _run_id: int | None = None
    _seen: deque[tuple[float, int, int]] = field(default_factory=deque)

    def add(self, at_s: float, run_id: int, *, done: int, left: int) -> None:
        """Note how many items were done and open at a time of a clock that only goes forward."""
        if run_id != self._run_id:
            self._run_id = run_id
            self._seen.clear()
        self._seen.append((at_s, done, left))
        while at_s - self._seen[0][0] > self.WINDOW_S:
            self._seen.popleft()

    def per_second(self) -> float:
        """Return how many items are done in a second; 0 where it is too early to say."""
        if len(self._seen) < 2:
            return 0.0
        (first_s, before, _), (last_s, done, _) = self._seen[0], self._seen[-1]
        return max(0.0, (done - before) / (last_s - first_s)) if last_s > first_s else 0.0

    def seconds_left(self) -> float | None:
        """Return the time to the end; None where it is too early to say, infinity where nothing moves."""
        if not self._seen:
            return None
        span_s, left = self._seen[-1][0] - self._seen[0][0], self._seen[-1][2]
        if rate := self.per_second():
            return left / rate if span_s >= self.LEAST_S else None
        return float("inf") if left and span_s >= self.STUCK_S else None
