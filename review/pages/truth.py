"""The pages of sessions of reviewing, and of how true the tags are."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from db.session import reading
from review.access.auth import ReviewerPerson, Viewer, scopes_of
from review.parts import parts_of
from review.templates import render
from review.truth.quality import quality
from review.truth.sessions import SHOWN_DAYS, recent_sessions, withdraw_session

router = APIRouter(include_in_schema=False)


@router.get("/sessions")
def sessions_page(request: Request, person: Viewer) -> Response:
    """Show one's own sessions of the last days, or as an operator everybody's, in the order of time."""
    recent = recent_sessions(parts_of(request), person)
    return render(request, "sessions.html", sessions=recent, days=SHOWN_DAYS)


@router.post("/sessions/{id}/undo")
def undo_session(id: Annotated[int, Path(ge=1, le=2**63 - 1)], request: Request, person: ReviewerPerson) -> Response:
    """Undo all of a session, and show what is left of it."""
    withdraw_session(parts_of(request), person, id, of_anybody="operate" in scopes_of(person))
    return RedirectResponse("/sessions", 303)


@router.get("/quality")
def quality_page(request: Request, person: Viewer) -> Response:  # noqa: ARG001 -- asked for so that nobody else may
    """Show how much of what passed without review is right, and how far two people agree."""
    with reading(parts_of(request).sessions) as session:
        found = quality(session)
    return render(request, "quality.html", quality=found)
