"""Routes of images: pages of them, one, and its history."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from db.review import images
from db.review.images import Place
from db.session import reading
from review.access.auth import Viewer
from review.api.bodies import Page
from review.parts import parts_of
from review.problems import Problem, responses
from review.screening import picture

router = APIRouter(tags=["images"])
ObjectId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/objects", responses=responses())
def list_objects(
    request: Request,
    person: Viewer,  # noqa: ARG001 -- asked for so that nobody else may
    cursor: Annotated[str | None, Query(max_length=60)] = None,
    category: Annotated[str | None, Query(max_length=500)] = None,
    needs_review: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page:
    """List tagged images; what waits for review comes with the least certain first."""
    with reading(parts_of(request).sessions) as session:
        rows, after = images.page(
            session, limit=limit, after=place_of(cursor), category=category, needs_review=needs_review
        )
    return Page(items=[shown(row) for row in rows], next=None if after is None else cursor_of(after))


@router.get("/objects/{id}", responses=responses(404))
def show_object(id: ObjectId, request: Request, response: Response, person: Viewer) -> dict[str, Any]:  # noqa: ARG001
    """Show an image with its tag."""
    with reading(parts_of(request).sessions) as session:
        row = images.one(session, id)
    response.headers["ETag"] = f'"{row["version"]}"'
    return shown(row)


@router.get("/objects/{id}/history", responses=responses(404))
def show_history(id: ObjectId, request: Request, person: Viewer) -> dict[str, Any]:  # noqa: ARG001
    """Show all that happened to an image: tags, classifications and decisions."""
    with reading(parts_of(request).sessions) as session:
        history = images.history(session, id)
    return history | {"object": shown(history["object"])}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Show an image with the path of its picture instead of the version in the store."""
    path = picture(row["object_id"], row["bucket"], row["key"], row["version_token"])
    return {name: value for name, value in row.items() if name != "version_token"} | {"image": path}


def cursor_of(place: Place) -> str:
    """Write down where a page ended."""
    return f"{place.confidence}.{place.object_id}"


def place_of(cursor: str | None) -> Place | None:
    """Read where a page ended. Raises Problem."""
    if cursor is None:
        return None
    confidence, _, object_id = cursor.partition(".")
    if not (_is_number(confidence) and _is_number(object_id)):
        raise Problem(422, "this is no cursor; begin without one, then use `next`")
    return Place(int(confidence), int(object_id))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
