"""The web application: its routes behind the protection that holds for all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from db.session import Sessions
from review import health, images, problems
from review.access.acts import Acts
from review.access.auth import bearer
from review.access.protection import Protection
from review.api import classify, objects, operations, screens, truth, watching
from review.api.conditions import Conditional
from review.locale.languages import Language
from review.metrics import Measured
from review.pages import (
    dashboard,
    entry,
    log,
    operations as operating,
    plans,
    queue,
    single_sign_on,
    truth as truth_pages,
    try_it,
)
from review.parts import Parts
from worker.settings import Settings

_PAGES = (entry, queue, dashboard, operating, plans, try_it, single_sign_on, truth_pages, log)
_NOT_CHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing has changed since If-None-Match."}}
_FORM = 100_000
"""Bytes of a form around its file."""


def create_app(settings: Settings, sessions: Sessions) -> FastAPI:
    """Build the application on a catalogue whose tables are there."""
    app = FastAPI(
        title="catalogue tagger",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    parts = Parts(settings, sessions)
    app.state.parts = parts
    problems.install(app)
    api = APIRouter(
        prefix="/api/v1",
        dependencies=[Depends(bearer)],
        responses=problems.responses(404, 409, 412, 413, 503) | _NOT_CHANGED,
    )
    for routes in (screens, objects, operations, watching, classify, truth):
        api.include_router(routes.router)
    # Pictures are asked for most, and routes are tried in turn.
    for router in (images.router, api, health.router, *(page.router for page in _PAGES)):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), "static")

    larger = dict.fromkeys(("/api/v1/classify", "/try"), settings.max_image_bytes + _FORM)
    app.add_middleware(Language)
    app.add_middleware(Conditional, prefix="/api/v1/")
    app.add_middleware(Measured, metrics=parts.metrics)
    app.add_middleware(Acts)
    app.add_middleware(Protection, larger=larger, images=parts.links.origin if parts.links else None)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.parts.trials.close()
    app.state.parts.comparisons.close()
