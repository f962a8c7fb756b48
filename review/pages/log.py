"""The log: who did what, for administrators."""

from fastapi import APIRouter, Request, Response

from db.reporting import acts
from db.session import reading
from review.access.auth import Admin
from review.parts import parts_of
from review.templates import render

router = APIRouter(include_in_schema=False)


@router.get("/log")
def log_page(request: Request, person: Admin) -> Response:  # noqa: ARG001 -- asked for so that nobody else may
    """Show what people did last, but for what they decided of images."""
    with reading(parts_of(request).sessions) as session:
        rows = acts.recent(session)
    return render(request, "log.html", rows=rows)
