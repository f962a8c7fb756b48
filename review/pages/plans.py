"""The pages of plans: a selection is frozen, looked at, and opened as a run."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from db.operations.samples import SAMPLE
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
    parts = parts_of(request)
    names, bundles = parts.categories.names(), parts.trials.bundles()
    return render(request, "new_plan.html", names=names, reasons=REASONS, bundles=bundles, sample=SAMPLE)


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
    model: Text = "",
    compare: bool = Form(False),
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
    parts = parts_of(request)
    plan = acts.make_plan(parts, person, selection, model or None, newest_first=False, compare=compare)
    return RedirectResponse(f"/plans/{plan.code}", 303)


@router.get("/plans/{code}")
def show_plan(code: Code, request: Request, person: Viewer) -> Response:
    """Show what a plan holds, and what to expect of it."""
    parts = parts_of(request)
    plan = acts.find_plan(parts, code)
    shown: dict[str, Any] = {
        "comparison": parts.comparisons.of(code),
        "model": acts.model_of(parts, plan),
        "sample": SAMPLE,
    }
    may: dict[str, Any] = {f"may_{what}": what in scopes_of(person) for what in ("review", "operate")}
    must_say = plan.figures["images"] > ASKED_FROM
    return render(request, "plan.html", plan=plan, figures=plan.figures, must_say=must_say, **may, **shown)


@router.post("/plans/{code}/compare")
def compare_plan(code: Code, request: Request, person: Operator) -> Response:  # noqa: ARG001 -- asked for so that nobody else may
    """Compare a sample of a plan's images with their tags, and show how far that is."""
    acts.compare_plan(parts_of(request), code)
    return RedirectResponse(f"/plans/{code}", 303)


@router.post("/plans/{code}")
def open_plan(code: Code, request: Request, person: Operator, why: Text = "", strict: bool = Form(False)) -> Response:
    """Open a plan as a run, and show that."""
    run, _ = acts.open_plan(parts_of(request), person, code, why, strict=strict)
    return RedirectResponse(f"/runs/{run.id}", 303)
