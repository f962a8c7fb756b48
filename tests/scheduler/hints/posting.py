"""Requests to the endpoint of events, which is a WSGI application, and what is counted of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from scheduler.hints.counters import HintCounters


def counted(counters: HintCounters) -> dict[tuple[str, str], float]:
    """Return the counters that are not zero, by name and label."""
    samples = [sample for family in counters.collect() for sample in family.samples if sample.value]
    return {(sample.name, "".join(sample.labels.values())): sample.value for sample in samples}


@dataclass(frozen=True)
class Answer:
    status: str
    headers: dict[str, str]
    text: str


def post(application: Callable[..., Iterable[bytes]], message: bytes, **environ: Any) -> Answer:
    """Post a message to /events, in this thread."""
    started: list[tuple[str, dict[str, str]]] = []
    request = {
        "PATH_INFO": "/events",
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(message)),
        "wsgi.input": io.BytesIO(message),
    }
    body = application(request | environ, lambda status, headers: started.append((status, dict(headers))))
    return Answer(*started[0], b"".join(body).decode())
