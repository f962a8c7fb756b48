"""Try it: photographs are classified by any bundle, shown as the network saw them, and forgotten."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from model import ModelError
from review.access.auth import Viewer
from review.access.protection import POLICY
from review.parts import Parts, parts_of
from review.problems import Problem
from review.templates import render

router = APIRouter(include_in_schema=False)
AT_ONCE = 12
_WITH_PICTURES = {"Content-Security-Policy": POLICY.format(images="'self' data:")}
"""The pictures are in the page itself, as they are kept nowhere."""


@router.get("/try")
def try_it(request: Request, person: Viewer) -> Response:  # noqa: ARG001 -- asked for so that nobody else may
    """Ask for photographs."""
    return _page(request, [], None)


@router.post("/try")
async def classify(request: Request, person: Viewer) -> Response:
    """Classify photographs, and show what came of each."""
    async with request.form(max_files=AT_ONCE, max_fields=4) as form:
        model = form.get("model")
        files = [value for value in form.getlist("photograph") if isinstance(value, UploadFile) and value.filename]
        named = [(file.filename or "", await file.read()) for file in files]
    chosen = model if isinstance(model, str) and model else None
    tried = await run_in_threadpool(_tried, parts_of(request), person.user_id, named, chosen)
    return await run_in_threadpool(_page, request, tried, chosen)


def _tried(parts: Parts, user_id: int, named: list[tuple[str, bytes]], model: str | None) -> list[dict[str, Any]]:
    return [{"name": name} | _one(parts, user_id, data, model) for name, data in named]


def _one(parts: Parts, user_id: int, data: bytes, model: str | None) -> dict[str, Any]:
    from model.images.decoder_pool import DecoderKilled
    from model.images.decoding import ImageRejected

    try:
        tried = parts.trials.show(user_id, data, model)
    except (ImageRejected, DecoderKilled) as error:
        return {"error": error.reason, "detail": error.detail}
    except ModelError as error:
        raise Problem(503, f"no model can be used: {error}") from None
    return {"row": tried.row, "photograph": tried.photograph, "seen": tried.seen}


def _page(request: Request, tried: list[dict[str, Any]], chosen: str | None) -> Response:
    try:
        bundles = parts_of(request).trials.bundles()
    except ModelError as error:
        raise Problem(503, f"no model can be used: {error}") from None
    return render(
        request, "try_it.html", headers=_WITH_PICTURES, tried=tried, bundles=bundles, chosen=chosen, most=AT_ONCE
    )
