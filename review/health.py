"""Health and metrics: open to all who reach the process, as they name nobody and nothing."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from db import CatalogueError, migrations
from db.session import engine_of
from review.parts import parts_of

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> Response:
    """Tell that this process answers."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Tell whether the catalogue can be used; 503 if not."""
    try:
        migrations.check(engine_of(parts_of(request).sessions))
    except (CatalogueError, SQLAlchemyError):
        return Response("the catalogue cannot be used; `tagger doctor` says why\n", 503, media_type="text/plain")
    return Response("ready\n", media_type="text/plain")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return the metrics of this process."""
    return Response(parts_of(request).metrics.page(), media_type="text/plain; version=0.0.4")
