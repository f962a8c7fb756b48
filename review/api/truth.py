"""Routes of what keeps answers honest: sessions of reviewing and how true the tags are."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from db.review.truth import sittings
from db.session import reading
from review.access.auth import ReviewerPerson, Viewer, scopes_of
from review.api.bodies import Withdrawn
from review.parts import parts_of
from review.problems import Problem, responses
from review.truth import quality
from review.truth.sessions import recent_sessions, withdraw_session

router = APIRouter(tags=["truth"])
_PATIENCE_S = 10.0
SessionId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/sessions", responses=responses())
def list_sessions(request: Request, person: Viewer) -> list[dict[str, Any]]:
    """List the sessions of the last week in the order of time: your own, or to an operator everybody's."""
    return recent_sessions(parts_of(request), person)


@router.get("/sessions/last", responses=responses(404))
def last_session(request: Request, person: Viewer) -> dict[str, Any]:
    """Show the figures of your last session: decisions a minute, corrections, checks found."""
    with reading(parts_of(request).sessions) as session:
        last = sittings.last_of(session, person.user_id)
        if last is None:
            raise sittings.NoSuchSession("you have reviewed nothing yet")
        return sittings.figures(session, last)


@router.post("/sessions/{id}/undo", responses=responses(404))
def undo_session(id: SessionId, request: Request, person: ReviewerPerson) -> Withdrawn:
    """Undo all that was decided in a session of your own, or as an operator in anybody's."""
    result = withdraw_session(parts_of(request), person, id, of_anybody="operate" in scopes_of(person))
    return Withdrawn(undone=result.undone, conflicts=result.conflicts)


@router.get("/quality", responses=responses())
def show_quality(request: Request, person: Viewer) -> dict[str, Any]:  # noqa: ARG001 -- asked for so that nobody else may
    """Show how much of what passed without review is right, and how far two people agree."""
    with reading(parts_of(request).sessions) as session:
        return quality.quality(session)


@router.get("/models", responses=responses(503))
def show_models(request: Request, person: Viewer) -> list[dict[str, Any]]:  # noqa: ARG001 -- asked for so that nobody else may
    """Show how much each model flags, and how much of what it says is right, live and on its test images."""
    counted = parts_of(request).figures.counted.get(wait_s=_PATIENCE_S)
    if counted is None:
        raise Problem(503, "the figures are being counted; ask again in a moment", headers={"Retry-After": "5"})
    return counted.value.models
