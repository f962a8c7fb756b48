"""Routes of images: pages of them, one, and its history."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session

from db.review import comments, images, screens
from db.review.images import Place
from db.review.items import Item
from db.review.similar import neighbours
from db.session import in_transaction, reading
from review.access.auth import ReviewerPerson, Viewer
from review.api.bodies import CommentWritten, Neighbour, Neighbours, Page, Settled
from review.api.conditions import check_unchanged
from review.parts import parts_of
from review.problems import Problem, responses
from review.screening import picture

router = APIRouter(tags=["images"])
ObjectId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_SETTLED = 4
"""Settled neighbours that are shown of a category."""


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


@router.get("/objects/{id}/neighbours", responses=responses(404))
def show_neighbours(id: ObjectId, request: Request, person: Viewer) -> Neighbours:  # noqa: ARG001
    """Show the product's other images, and for each of the two best categories what people have settled like it."""
    parts = parts_of(request)
    with reading(parts.sessions) as session:
        others = screens.items(session, images.of_product(session, id))
        item = next(iter(screens.items(session, [id])), None)
        if item is None:
            raise images.no_such(id)
        best = [candidate["category"] for candidate in parts.categories.candidates(item)[:2]]
        settled = {name: neighbours.settled(session, item, name, limit=_SETTLED) for name in best}
    return Neighbours(
        product=[_neighbour(other) for other in others],
        settled=[
            Settled(category=name, items=[_neighbour(other) for other in found]) for name, found in settled.items()
        ],
    )


@router.post("/objects/{id}/comments", status_code=204, responses=responses(404))
def comment(id: ObjectId, written: CommentWritten, request: Request, person: ReviewerPerson) -> None:
    """Write something at an image for others to read; sent again with the same id it is there once."""

    def work(session: Session) -> None:
        check_unchanged(request, images.one(session, id)["version"])
        comments.add(session, person.user_id, id, written.id, written.text)

    in_transaction(parts_of(request).sessions, work)


def _neighbour(item: Item) -> Neighbour:
    image = picture(item.object_id, item.bucket, item.key, item.version_token)
    return Neighbour(object_id=item.object_id, key=item.key, category=item.category, image=image)


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
