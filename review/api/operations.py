"""Routes of the whole catalogue: its state, its runs, and what its model says of a photograph."""

from collections.abc import Callable
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from db import actors, status
from db.operations import control
from db.operations.undo import check
from db.reporting import overview
from db.session import reading
from review.access.auth import Operator, Viewer
from review.api.bodies import Page, RunChanged, RunUndone, Why
from review.parts import Parts, parts_of
from review.problems import Problem, responses
from worker.operations import control as commands
from worker.operations.undo import undo

router = APIRouter(tags=["operations"])
RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_IMAGE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "required": True}


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


@router.post("/runs/{id}/pause", responses=responses(404, 409))
def pause_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunChanged:
    """Pause a run."""
    return _change(commands.pause, request, id, person.name, why)


@router.post("/runs/{id}/resume", responses=responses(404, 409))
def resume_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunChanged:
    """Go on with a run that was paused or cancelled."""
    return _change(commands.resume, request, id, person.name, why)


@router.post("/runs/{id}/cancel", responses=responses(404, 409))
def cancel_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunChanged:
    """Cancel what is open of a run."""
    return _change(commands.cancel, request, id, person.name, why)


@router.post("/runs/{id}/undo", responses=responses(404, 409))
def undo_run(id: RunId, request: Request, person: Operator, why: Why | None = None) -> RunUndone:
    """Give each tag that a run changed its former value; what people decided since is left."""
    sessions = parts_of(request).sessions
    with reading(sessions) as session:
        run = control.find(session, str(id))
    check(run)
    done = undo(sessions, run, actor=actors.of_person(person.name), why=(why or Why()).why)
    structlog.get_logger().info("run_undone", run=id, by=person.name)
    return RunUndone(run=done.id, restored=done.counts["restored"], left_human=done.counts["left_human"])


@router.post("/classify", responses=responses(413), openapi_extra={"requestBody": _IMAGE})
async def classify(request: Request, person: Viewer) -> dict[str, Any]:  # noqa: ARG001
    """Classify a photograph, sent as the body or as the file of a form, as `tagger model classify --json` does."""
    name, data = "", b""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=10) as form:
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if files:
                name, data = files[0].filename or "", await files[0].read()
    else:
        data = await request.body()
    return {"file": name} | await run_in_threadpool(_classified, parts_of(request), data)


def _classified(parts: Parts, data: bytes) -> dict[str, Any]:
    from model.images.decoding import ImageRejected
    from model.summary import of_prediction

    try:
        with parts.classifying:
            classifier = parts.classifier
            pixels = classifier.prepare(data, parts.settings.decode_limits)
            return of_prediction(classifier.classify(pixels[None])[0], classifier)
    except ImageRejected as error:
        raise Problem(422, error.detail, error=error.reason) from None


def _change(change: Callable[..., bool], request: Request, run_id: int, name: str, why: Why | None) -> RunChanged:
    sessions = parts_of(request).sessions
    with reading(sessions) as session:
        control.find(session, str(run_id))
    changed = change(sessions, run_id, actor=actors.of_person(name), why=(why or Why()).why)
    structlog.get_logger().info("run_changed", run=run_id, change=change.__name__, by=name)
    with reading(sessions) as session:
        return RunChanged(id=run_id, state=control.find(session, str(run_id)).state, changed=changed)
