"""Figures that take long are computed behind the requests, which show what was found last."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db import CatalogueError

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """A value, and for how many seconds it has been known."""

    value: Value
    age_s: float


class Kept(Generic[Value]):
    """A value that is computed anew in a thread when it is asked for and old; `share` bounds how much of the time."""

    def __init__(self, compute: Callable[[], Value], *, fresh_s: float, share: float = 0.1) -> None:
        self._compute, self._fresh_s, self._share = compute, fresh_s, share
        self._changed = Condition()
        self._computing = False
        self._value: tuple[Value] | None = None
        self._at = self._took = 0.0

    def get(self, *, wait_s: float) -> Found[Value] | None:
        """Return what is known, after waiting for what is being computed, but no longer than so; None if nothing is."""
        deadline = time.monotonic() + wait_s
        with self._changed:
            if self._is_old():
                if not self._computing:
                    self._computing = True
                    Thread(target=self._refresh, name="figures", daemon=True).start()
                self._changed.wait_for(lambda: not self._computing, max(0.0, deadline - time.monotonic()))
            return None if self._value is None else Found(self._value[0], time.monotonic() - self._at)

    def _is_old(self) -> bool:
        age_s = time.monotonic() - self._at
        return self._value is None or age_s > max(self._fresh_s, self._took / self._share)

    def _refresh(self) -> None:
        began, value = time.monotonic(), None
        try:
            value = (self._compute(),)
        except (CatalogueError, SQLAlchemyError) as error:
            structlog.get_logger().warning("figures_failed", error=type(error).__name__)
        finally:
            with self._changed:
                if value is not None:
                    self._value, self._at = value, time.monotonic()
                self._took, self._computing = time.monotonic() - began, False
                self._changed.notify_all()
