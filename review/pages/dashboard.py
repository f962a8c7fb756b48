"""The dashboard: how the work, the nights and the review are, as a page and as events that keep it fresh."""

import time
from collections.abc import AsyncIterator
from typing import Any

from anyio import sleep
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from review.access.auth import Viewer, scopes_of
from review.board import view
from review.parts import parts_of
from review.templates import environment, render

router = APIRouter(include_in_schema=False)
EVERY_S = 2.0
LONGEST_S = 60.0
"""How long a stream lasts before the browser asks again, and its session is looked at anew."""
_PULSE_S = 6.0
_AT_ONCE_S = 60.0
"""Figures of that age do to begin with, as the page's stream brings newer ones two seconds later."""


@router.get("/dashboard")
def dashboard(request: Request, person: Viewer) -> Response:
    """Show problems, work, nights, review, failures, models and schedule."""
    return render(request, "dashboard.html", **_shown(request, _may(person), at_once_s=_AT_ONCE_S))


@router.get("/models")
def models_page(request: Request, person: Viewer) -> Response:  # noqa: ARG001 -- asked for so that nobody else may
    """Show how much each model flags, and how much of what it says is right."""
    _moment, counted = parts_of(request).figures.now()
    return render(request, "models.html", models=counted.models if counted else None)


@router.get("/dashboard/events", response_class=EventSourceResponse)
async def events(request: Request, person: Viewer) -> AsyncIterator[ServerSentEvent]:
    """Send the sections of the dashboard whenever they have changed, and a sign of life in between."""
    began = told = time.monotonic()
    template, may_operate, last = environment().get_template("dashboard_sections.html"), _may(person), ""
    while time.monotonic() - began < LONGEST_S and not parts_of(request).stopping():
        values = await run_in_threadpool(_shown, request, may_operate)
        html = template.render(values)
        if html != last or time.monotonic() - told > _PULSE_S:
            yield ServerSentEvent(data={"at": values["at"], "html": html if html != last else None}, retry=2000)
            last, told = html, time.monotonic()
        await sleep(EVERY_S)


def _may(person: Viewer) -> bool:
    return "operate" in scopes_of(person)


def _shown(request: Request, may_operate: bool, *, at_once_s: float = 0.0) -> dict[str, Any]:
    moment, counted = parts_of(request).figures.now(at_once_s=at_once_s)
    at = moment.at.strftime("%H:%M:%S") if moment else None
    return view.of(moment, counted) | {"at": at, "may_operate": may_operate}
