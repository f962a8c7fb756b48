"""The pages that work without scripts: what waits, one image at a time, lists and histories."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from db.review import images
from db.review.filters import Filters
from db.review.items import Given
from db.session import reading
from review.access.auth import ReviewerPerson, Viewer, scopes_of
from review.api.bodies import NO_CATEGORY_KEY
from review.api.objects import cursor_of, place_of, shown
from review.locale.texts import gettext
from review.parts import parts_of
from review.problems import Problem
from review.screening import decide, open_screen, undo
from review.templates import render

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form(max_length=2000)]
Wanted = Annotated[str, Query(max_length=1024)]
NO_CATEGORY = ("not_ours", "unreadable", "skip", "colleague")


@router.get("/")
def start(request: Request, person: Viewer) -> Response:
    """Show what waits, by category and reason."""
    rows = parts_of(request).waiting()
    return render(request, "start.html", rows=rows, may_review="review" in scopes_of(person))


@router.get("/one")
def one(
    request: Request, person: ReviewerPerson, category: Wanted = "", reason: Wanted = "", done: Wanted = ""
) -> Response:
    """Show one image to decide on, with a button for each answer."""
    parts = parts_of(request)
    filters = Filters(category or None, reason or None)
    screen = open_screen(parts, person, filters, mode="single", limit=1)
    item = screen.items[0] if screen else None
    values: dict[str, Any] = {"category": category, "reason": reason, "done": done, "key": uuid4().hex}
    if screen is None or item is None:
        return render(request, "one.html", item=None, **values)
    names = [name for name in parts.categories.names() if name not in {best["category"] for best in item["candidates"]}]
    large = item["image"].replace("/small?", "/large?")
    return render(
        request, "one.html", item=item, large=large, screen=screen.id, names=names, no_category=NO_CATEGORY, **values
    )


@router.post("/one")
def decide_one(
    request: Request,
    person: ReviewerPerson,
    key: Text,
    object_id: Annotated[int, Form()],
    version: Annotated[int, Form()],
    answer: Text,
    screen: Annotated[int | None, Form()] = None,
    back: Text = "",
    category: Text = "",
    reason: Text = "",
) -> Response:
    """Record the answer to one image, and go on to the next, or back to its history."""
    kind, _, name = answer.partition(":")
    outcome = "category" if kind == "category" else name
    if kind not in ("category", "none") or (kind == "none" and name not in NO_CATEGORY):
        raise Problem(422, gettext("choose one of the answers"))
    chosen = name if outcome == "category" else None
    given = Given(key, object_id, version, outcome, chosen, screen, how="single")
    result = decide(parts_of(request), person, [given])
    query = f"category={quote(category)}&reason={quote(reason)}"
    if back and not result.conflicts:
        return RedirectResponse(f"/objects/{object_id}", 303)
    if result.conflicts:
        now = result.conflicts[0]
        told = gettext("%(name)s was quicker: the image is “%(category)s” now. Go on with %(address)s")
        values = {"name": now.by or gettext("somebody"), "category": now.category, "address": f"/one?{query}"}
        raise Problem(409, told % values)
    return RedirectResponse(f"/one?{query}&done={quote(key)}", 303)


@router.post("/undo")
def undo_one(request: Request, person: ReviewerPerson, key: Text) -> Response:
    """Undo a decision, and show its image's history."""
    restored = undo(parts_of(request), person, key, of_anybody="operate" in scopes_of(person))
    return RedirectResponse(f"/objects/{restored.object_id}", 303)


@router.get("/objects")
def list_objects(
    request: Request,
    person: Viewer,  # noqa: ARG001 -- asked for so that nobody else may
    category: Wanted = "",
    waiting: bool = False,
    cursor: str | None = None,
) -> Response:
    """List images with their tags."""
    with reading(parts_of(request).sessions) as session:
        rows, after = images.page(
            session, limit=60, after=place_of(cursor), category=category or None, needs_review=True if waiting else None
        )
    following = None if after is None else f"category={quote(category)}&waiting={waiting}&cursor={cursor_of(after)}"
    return render(
        request,
        "objects.html",
        rows=[shown(row) for row in rows],
        names=parts_of(request).categories.names(),
        following=following,
        category=category,
        waiting=waiting,
    )


@router.get("/objects/{id}")
def show_object(id: Annotated[int, Path(ge=1, le=2**63 - 1)], request: Request, person: Viewer) -> Response:
    """Show all that happened to an image."""
    with reading(parts_of(request).sessions) as session:
        history = images.history(session, id)
        others = images.of_product(session, id)
    return render(
        request,
        "object.html",
        history=history | {"object": shown(history["object"])},
        others=others,
        may_review="review" in scopes_of(person),
        may_undo_all="operate" in scopes_of(person),
        names=parts_of(request).categories.names(),
        key=uuid4().hex,
    )


@router.get("/screen")
def screen_page(request: Request, person: ReviewerPerson, category: Wanted = "", reason: Wanted = "") -> Response:
    """Show the page in which a script shows screens, one after another, as the rest of its address says."""
    categories = parts_of(request).categories
    names, also = categories.names(), categories.also_called()
    view: dict[str, Any] = {
        "names": names,
        "also": also,
        "category": category,
        "reason": reason,
        "key": NO_CATEGORY_KEY,
    }
    return render(request, "screen.html", may_operate="operate" in scopes_of(person), **view)
