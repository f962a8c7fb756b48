"""The pages of plans: a selection is frozen, looked at, and opened as a run."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from db.operations.selection import Selection
from db.schema.vocabulary import REASONS
from review.access.auth import Operator, Viewer, scopes_of
from review.board import acts
from review.parts import parts_of
from review.problems import Problem
from review.templates import render
from worker.operations.control import ASKED_FROM
from worker.operations.selecting import moment

router = APIRouter(include_in_schema=False)
Code = Annotated[str, Path(max_length=40)]
Text = Annotated[str, Form(max_length=4096)]
WHAT = ("everything", "failed", "missing", "low_confidence", "unlike_training", "stale_model")


@router.get("/plans/new")
def new_plan(request: Request, person: Operator) -> Response:  # noqa: ARG001 -- asked for so that nobody else may
    """Ask which images to classify again."""
    names = parts_of(request).categories.names()
    return render(request, "new_plan.html", names=names, reasons=REASONS)


@router.post("/plans")
def make_plan(
    request: Request,
    person: Operator,
    what: Text = "",
    reason: Text = "",
    category: Text = "",
    prefix: Text = "",
    product: Text = "",
    since: Text = "",
) -> Response:
    """Freeze what a selection means, and show it."""
    if what and what not in WHAT:
        raise Problem(422, f"{what!r} is none of {', '.join(WHAT)}")
    given = {
        "reasons": (reason,) if reason else (),
        "categories": (category,) if category else (),
        "prefixes": (prefix,) if prefix else (),
        "products": (product,) if product else (),
    }
    if reason:
        what = "failed"
    selection = Selection(**given, **({what: True} if what else {}), since=moment(since) if since else None)  # type: ignore[arg-type]
    plan = acts.make_plan(parts_of(request), person, selection, None, newest_first=False)
    return RedirectResponse(f"/plans/{plan.code}", 303)


@router.get("/plans/{code}")
def show_plan(code: Code, request: Request, person: Viewer) -> Response:
    """Show what a plan holds, and what to expect of it."""
    plan = acts.find_plan(parts_of(request), code)
    must_say = plan.figures["images"] > ASKED_FROM
    may_operate = "operate" in scopes_of(person)
    return render(request, "plan.html", plan=plan, figures=plan.figures, must_say=must_say, may_operate=may_operate)


@router.post("/plans/{code}")
def open_plan(code: Code, request: Request, person: Operator, why: Text = "", strict: bool = Form(False)) -> Response:
    """Open a plan as a run, and show that."""
    run, _ = acts.open_plan(parts_of(request), person, code, why, strict=strict)
    return RedirectResponse(f"/runs/{run.id}", 303)
