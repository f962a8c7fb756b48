"""How much a user may ask for in a minute."""

from collections.abc import Callable
from functools import cached_property, partial


class Rate:
    """A limit, of which each user's use is counted; its library is imported for the first of them, not for a start."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute

    def allows(self, user_id: int) -> bool:
        """Count a request; whether it is within the limit."""
        return self._hit(str(user_id))

    @cached_property
    def _hit(self) -> Callable[[str], bool]:
        from limits import RateLimitItemPerMinute
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter

        return partial(FixedWindowRateLimiter(MemoryStorage()).hit, RateLimitItemPerMinute(self._a_minute))
