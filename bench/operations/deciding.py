"""People who decide about the images of a plan while it is opened, from a process of their own, as the review is."""

import multiprocessing
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, event

from db.operations.reprocess import STEP
from db.review import human_tags
from db.session import Sessions, connect, in_transaction, sessions_of

IN_EACH_CHUNK = STEP // 100
"""So many decisions are made for each chunk that is queued: one image in a hundred, all told."""
_AT_ONCE = 4
Decided = tuple[int, float, float]
"""An image, and when the decision's transaction began and ended, in seconds of the monotonic clock."""


class Deciding:
    """Deciding in a `with` block: at each commit of the opening, about images of the next chunk, of later and earlier.

    The plan holds the images 1, 2, … in this order.
    """

    def __init__(self, engine: Engine, url: str, images: int) -> None:
        self._engine, self._images = engine, images
        self._commits: list[float] = []
        self._chosen: set[int] = set()
        self._random = random.Random(7)
        spawning = multiprocessing.get_context("spawn")  # a fork would share the connections
        self._people, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_decide, args=(url, theirs))
        self._decided: list[Decided] = []

    def __enter__(self) -> Self:
        self._process.start()
        self._people.recv()  # they are connected
        event.listen(self._engine, "commit", self._committed)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        event.remove(self._engine, "commit", self._committed)
        self._people.send(None)
        self._decided = self._people.recv()
        self._process.join()

    def as_json(self) -> dict[str, int]:
        """Count the decisions, those that were made before the opening ended, and by their image's chunk: whether they
        ended before it was begun, met it, or came after it.
        """
        when = Counter(map(self._when, self._decided))
        while_opening = sum(ended <= self._commits[-1] for _, _, ended in self._decided)
        counts = {name: when[name] for name in ("before", "during", "after")}
        return {"decided": len(self._decided), "while_opening": while_opening} | counts

    def _when(self, decided: Decided) -> str:
        object_id, began, ended = decided
        chunk = (object_id - 1) // STEP
        if ended <= self._commits[chunk]:
            return "before"
        return "after" if began >= self._commits[chunk + 1] else "during"

    def _committed(self, _: Any) -> None:
        """Note that a chunk has been queued, or the run opened; people go on with the next."""
        front, few = len(self._commits) * STEP, IN_EACH_CHUNK // 3
        self._commits.append(time.monotonic())
        if front < self._images:
            chunk, later, earlier = range(front, front + STEP), range(front + STEP, self._images), range(front)
            of_chunk = self._some(chunk, IN_EACH_CHUNK - 2 * few)
            self._people.send([*of_chunk, *self._some(later or chunk, few), *self._some(earlier or chunk, few)])

    def _some(self, images: range, count: int) -> list[int]:
        chosen = {self._random.choice(images) + 1 for _ in range(count)} - self._chosen
        self._chosen |= chosen
        return sorted(chosen)


def _decide(url: str, orders: Connection) -> None:
    """Decide what is asked for, by several people at once; at the end send what was decided."""
    engine = connect(url, pool_size=_AT_ONCE)
    sessions, deciding = sessions_of(engine), []
    with ThreadPoolExecutor(_AT_ONCE) as people:
        list(people.map(lambda _: engine.connect().close(), range(_AT_ONCE)))
        orders.send(None)
        while (object_ids := orders.recv()) is not None:
            deciding += [people.submit(_decide_one, sessions, object_id) for object_id in object_ids]
        orders.send([decision.result() for decision in deciding])
    engine.dispose()


def _decide_one(sessions: Sessions, object_id: int) -> Decided:
    began = time.monotonic()
    tagging = partial(human_tags.set_human_tag, object_id=object_id, category="Coat", person="bench", why="measured")
    in_transaction(sessions, tagging)
    return object_id, began, time.monotonic()
