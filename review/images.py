"""The route of pictures: small ones, made from what the stores hold; its raw bytes never pass through here."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from db.review import images
from db.session import reading
from review.access.auth import allowed
from review.api.conditions import is_known
from review.parts import parts_of
from review.problems import Problem
from review.thumbnails import identity
from worker.storage.store import StorageError

router = APIRouter(include_in_schema=False)


@router.get("/images/{id}/{size}")
def show_picture(
    id: Annotated[int, Path(ge=1, le=2**63 - 1)], size: Literal["small", "large"], request: Request, v: str = ""
) -> Response:
    """Show an image, small, as WebP. With its present version as `v` the browser may keep it for ever.

    A screen is dozens of these requests, so who asks and what he asks for are read in one turn on one connection.
    """
    from model.images.decoding import ImageRejected

    with reading(parts_of(request).sessions) as session:
        allowed(request, session, "read")
        bucket, key, version_token = images.stored(session, id)
    links = parts_of(request).links
    if size == "large" and links is not None and (address := links.to(bucket, key)) is not None:
        return RedirectResponse(address, 307, {"Cache-Control": f"private, max-age={links.valid_s // 2}"})
    version = identity(bucket, key, version_token)
    kept = "private, max-age=31536000, immutable" if v == version[:16] else "private, no-cache"
    headers = {"ETag": f'"{version}-{size}"', "Cache-Control": kept}
    if is_known(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(None, 304, headers)
    try:
        picture = parts_of(request).thumbnails.get(bucket, key, version_token, size)
    except (StorageError, ImageRejected) as error:
        raise Problem(404, f"there is no picture of this image: {error}") from None
    return Response(picture, 200, headers, "image/webp")
