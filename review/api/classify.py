"""The route that classifies a photograph; nothing of it is stored."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from model import ModelError
from review.access.auth import Viewer
from review.parts import Parts, parts_of
from review.problems import Problem, responses

router = APIRouter(tags=["operations"])
_IMAGE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "required": True}


@router.post("/classify", responses=responses(413), openapi_extra={"requestBody": _IMAGE})
async def classify(
    request: Request, person: Viewer, model: Annotated[str | None, Query(max_length=200)] = None
) -> dict[str, Any]:
    """Classify a photograph, sent as the body or as the file of a form, as `tagger model classify --json` does."""
    name, data = "", b""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=10) as form:
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if files:
                name, data = files[0].filename or "", await files[0].read()
    else:
        data = await request.body()
    return {"file": name} | await run_in_threadpool(_classified, parts_of(request), person.user_id, data, model)


def _classified(parts: Parts, user_id: int, data: bytes, model: str | None) -> dict[str, Any]:
    from model.images.decoder_pool import DecoderKilled
    from model.images.decoding import ImageRejected

    try:
        return parts.trials.classify(user_id, data, model)
    except (ImageRejected, DecoderKilled) as error:
        raise Problem(422, error.detail, error=error.reason) from None
    except ModelError as error:
        raise Problem(503, f"no model can be used: {error}") from None
