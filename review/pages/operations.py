"""The pages of runs: looked at, noted at, paused, resumed, cancelled and undone; and the pause of the nights."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from db.operations import control
from db.reporting import overview
from db.session import reading
from review.access.auth import Operator, Viewer, scopes_of
from review.board import acts
from review.board.acts import Change
from review.parts import parts_of
from review.templates import render
from worker.operations.control import ASKED_FROM

router = APIRouter(include_in_schema=False)
RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Text = Annotated[str, Form(max_length=1000)]
Written = Annotated[str, Form(min_length=1, max_length=1000, pattern=r"\S")]
NEWEST = 50


@router.get("/runs")
def list_runs(request: Request, person: Viewer) -> Response:
    """List the newest runs."""
    with reading(parts_of(request).sessions) as session:
        runs = overview.list_runs(session, NEWEST)
    return render(request, "runs.html", runs=runs, may_operate="operate" in scopes_of(person))


@router.get("/runs/{id}")
def show_run(id: RunId, request: Request, person: Viewer) -> Response:
    """Show what a run came to, and its notes."""
    with reading(parts_of(request).sessions) as session:
        run = overview.show(session, control.find(session, str(id)))
    scopes = scopes_of(person)
    return render(request, "run.html", run=run, may_review="review" in scopes, may_operate="operate" in scopes)


@router.post("/runs/{id}/note")
def note_run(id: RunId, request: Request, person: Operator, text: Written) -> Response:
    """Write a note at a run."""
    acts.write_note(parts_of(request), person, id, text.strip())
    return RedirectResponse(f"/runs/{id}", 303)


@router.get("/runs/{id}/{change}")
def ask_to_change(id: RunId, change: Change, request: Request, person: Operator) -> Response:  # noqa: ARG001
    """Ask whether a run is to be changed, and say how many images that touches."""
    run, images = acts.touched(parts_of(request), id, change)
    return render(request, "change.html", run=run, change=change, images=images, must_say=images > ASKED_FROM)


@router.post("/runs/{id}/{change}")
def change_run(id: RunId, change: Change, request: Request, person: Operator, why: Text = "") -> Response:
    """Pause, resume, cancel or undo a run, and show it, or the run that undid it."""
    run, _ = acts.change_run(parts_of(request), person, id, change, why)
    return RedirectResponse(f"/runs/{run.id}", 303)


@router.post("/schedule/pause")
def pause_schedule(request: Request, person: Operator, why: Written) -> Response:
    """Let no night begin by itself until somebody resumes."""
    acts.pause_schedule(parts_of(request), person, why.strip())
    return RedirectResponse("/dashboard", 303)


@router.post("/schedule/resume")
def resume_schedule(request: Request, person: Operator) -> Response:
    """Let nights begin by themselves again."""
    acts.resume_schedule(parts_of(request), person)
    return RedirectResponse("/dashboard", 303)
