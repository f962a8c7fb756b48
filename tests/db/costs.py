"""What statements cost: which are sent, and what PostgreSQL goes through for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from db.session import engine_of
from tests.db.catalogues import Catalogue


@contextmanager
def counted(catalogue: Catalogue, *, row_by_row: bool = True) -> Iterator[list[str]]:
    """Note the statements that are sent meanwhile; without `row_by_row` none may be sent once for each row."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, ___: Any, ____: Any, executemany: bool) -> None:
        assert row_by_row or not executemany, statement
        sent.extend([statement] if not statement.startswith("BEGIN") else [])

    event.listen(engine_of(catalogue.sessions), "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine_of(catalogue.sessions), "before_cursor_execute", note)


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node of an explained plan, and all below it."""
    yield node
    for below in node.get("Plans", ()):
        yield from nodes(below)
