"""Routes of the whole catalogue: its state, its runs, and plans to classify images again."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from db import status
from db.operations import control
from db.operations.selection import Selection
from db.reporting import overview
from db.schema import Plan
from db.session import reading
from review.access.auth import Operator, Viewer
from review.api.bodies import Page
from review.api.operation_bodies import (
    NoteWritten,
    PlanAsked,
    PlanMade,
    RunAsked,
    RunChanged,
    RunOpened,
    RunUndone,
    Why,
)
from review.board import acts
from review.board.acts import Change
from review.parts import Parts, parts_of
from review.problems import responses
from worker.operations.selecting import moment

router = APIRouter(tags=["operations"])
RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/status", responses=responses())
def show_status(request: Request, person: Viewer) -> dict[str, Any]:  # noqa: ARG001 -- asked for so that nobody else may
    """Show the catalogue's state, as `tagger status --json` does."""
    with reading(parts_of(request).sessions) as session:
        return status.status(session)


@router.get("/runs", responses=responses())
def list_runs(request: Request, person: Viewer, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Page:  # noqa: ARG001
    """List the newest runs with their counts."""
    with reading(parts_of(request).sessions) as session:
        return Page(items=overview.list_runs(session, limit), next=None)


@router.get("/runs/{id}", responses=responses(404))
def show_run(id: RunId, request: Request, person: Viewer) -> dict[str, Any]:  # noqa: ARG001
    """Show what a run came to, with its notes, as `tagger runs show --json` does."""
    with reading(parts_of(request).sessions) as session:
        return overview.show(session, control.find(session, str(id)))


@router.post("/runs/{id}/note", status_code=204, responses=responses(404))
def note_run(id: RunId, written: NoteWritten, request: Request, person: Operator) -> None:
    """Write a note at a run."""
    acts.write_note(parts_of(request), person, id, written.text.strip())


@router.post("/runs", responses=responses(404, 409) | {201: {"model": RunOpened}})
def open_run(asked: RunAsked, request: Request, response: Response, person: Operator) -> RunOpened:
    """Open a plan as a run; 201 if this made it, 200 if it was opened before."""
    run, is_new = acts.open_plan(parts_of(request), person, asked.plan, asked.why, strict=asked.strict)
    response.status_code = 201 if is_new else 200
    return RunOpened(id=run.id, logical_key=run.logical_key, state=run.state, plan=asked.plan)


@router.post("/runs/{id}/pause", responses=responses(404, 409))
def pause_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunChanged:
    """Pause a run."""
    return _change("pause", request, id, person, why)


@router.post("/runs/{id}/resume", responses=responses(404, 409))
def resume_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunChanged:
    """Go on with a run that was paused or cancelled."""
    return _change("resume", request, id, person, why)


@router.post("/runs/{id}/cancel", responses=responses(404, 409))
def cancel_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunChanged:
    """Cancel what is open of a run."""
    return _change("cancel", request, id, person, why)


@router.post("/runs/{id}/undo", responses=responses(404, 409))
def undo_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunUndone:
    """Give each tag that a run changed its former value; what people decided since is left."""
    done, _ = acts.change_run(parts_of(request), person, id, "undo", why.why if why else None)
    return RunUndone(run=done.id, restored=done.counts["restored"], left_human=done.counts["left_human"])


@router.post("/plans", status_code=201, responses=responses())
def make_plan(asked: PlanAsked, request: Request, person: Operator) -> PlanMade:
    """Freeze which images a selection means now, as `tagger reprocess --dry-run` does. Nothing is classified yet."""
    given: dict[str, Any] = asked.model_dump(exclude={"model", "newest_first", "since", "compare"})
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    selection = Selection(**(given | lists), since=moment(asked.since) if asked.since else None)
    ways = {"newest_first": asked.newest_first, "compare": asked.compare}
    parts = parts_of(request)
    return _as_made(parts, acts.make_plan(parts, person, selection, asked.model, **ways))


@router.get("/plans/{code}", responses=responses(404))
def show_plan(code: Annotated[str, Path(max_length=40)], request: Request, person: Viewer) -> PlanMade:  # noqa: ARG001
    """Show a plan, and how far its comparison is, as long as that is under way."""
    parts = parts_of(request)
    return _as_made(parts, acts.find_plan(parts, code))


@router.post("/plans/{code}/compare", responses=responses(404))
def compare_plan(code: Annotated[str, Path(max_length=40)], request: Request, person: Operator) -> PlanMade:  # noqa: ARG001
    """Classify a sample of a plan's images behind the request, to see which categories change."""
    parts = parts_of(request)
    acts.compare_plan(parts, code)
    return _as_made(parts, acts.find_plan(parts, code))


def _as_made(parts: Parts, plan: Plan) -> PlanMade:
    comparison = parts.comparisons.of(plan.code)
    progress: dict[str, Any] = {"comparison": asdict(comparison)} if comparison else {}
    return PlanMade(plan=plan.code, **plan.figures, **progress)


def _change(change: Change, request: Request, run_id: int, person: Operator, why: Why | None) -> RunChanged:
    run, changed = acts.change_run(parts_of(request), person, run_id, change, why.why if why else None)
    return RunChanged(id=run.id, state=run.state, changed=changed)
