"""Forgetting of images by whoever holds connections: the command, and the dashboard."""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import ColumnElement

from db.operations import forgetting
from db.session import Sessions, in_transaction


def forget_all(
    sessions: Sessions, meant: Sequence[ColumnElement[bool]], *, for_good: bool, on_step: Callable[[int], None]
) -> int:
    """Forget all images that match, step by step; returns how many. Killed on the way, the same call goes on.

    `on_step` is called with the number of images forgotten so far.
    """
    done = 0
    for some in meant:
        while count := in_transaction(sessions, partial(forgetting.forget_some, meant=some, for_good=for_good)):
            done += count
            on_step(done)
    return done
