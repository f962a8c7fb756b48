"""Routes of what operators watch: failures by reason, and the schedule of nights with its pauses."""

from typing import Any

from fastapi import APIRouter, Request

from db import catalogue
from db.session import now, reading
from review.access.auth import Operator, Viewer
from review.api.operation_bodies import NightsPaused
from review.board import acts
from review.parts import parts_of
from review.problems import Problem, responses
from worker.watching import schedule as calendar
from worker.watching.remedies import REMEDIES

router = APIRouter(tags=["operations"])


@router.get("/failures", responses=responses())
def list_failures(request: Request, person: Viewer) -> list[dict[str, Any]]:  # noqa: ARG001 -- asked for so that nobody else may
    """Count the images without a tag by reason, with one of their keys and what to do about it."""
    with reading(parts_of(request).sessions) as session:
        rows = [dict(row._mapping) for row in catalogue.failures_by_reason(session)]
    return [row | {"remedy": REMEDIES[row["reason"]]} for row in rows]


@router.get("/schedule", responses=responses())
def show_schedule(request: Request, person: Viewer) -> dict[str, Any]:  # noqa: ARG001 -- asked for so that nobody else may
    """Say when nights begin and who has paused them, as `tagger schedule --json` does."""
    parts = parts_of(request)
    return calendar.collect(parts.settings, parts.sessions)


@router.post("/schedule/pause", responses=responses())
def pause_schedule(asked: NightsPaused, request: Request, person: Operator) -> dict[str, Any]:
    """Let no night begin by itself until then, or until somebody resumes."""
    parts = parts_of(request)
    with reading(parts.sessions) as session:
        if asked.until is not None and asked.until <= now(session):
            raise Problem(422, "until: that is over already")
    acts.pause_schedule(parts, person, asked.why, asked.until)
    return calendar.collect(parts.settings, parts.sessions)


@router.post("/schedule/resume", responses=responses())
def resume_schedule(request: Request, person: Operator) -> dict[str, Any]:
    """Let nights begin by themselves again."""
    parts = parts_of(request)
    acts.resume_schedule(parts, person)
    return calendar.collect(parts.settings, parts.sessions)
