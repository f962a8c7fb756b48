"""Routes of screens and decisions."""

from dataclasses import asdict, fields
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from db.review import screens, undoing
from db.review.decisions import Conflict, Reviewer
from db.review.filters import Filters
from db.review.items import Given
from db.review.undoing import Restored
from db.session import in_transaction, reading
from review.access.auth import ReviewerPerson, scopes_of
from review.api.bodies import (
    ConflictTold,
    DecisionGiven,
    DecisionsGiven,
    DecisionsRecorded,
    Extended,
    ProbeTold,
    Screen,
    ScreenAsked,
    ScreenUndone,
    Undone,
)
from review.api.conditions import check_unchanged
from review.parts import parts_of
from review.problems import responses
from review.screening import decide, give_back, open_screen, undo

router = APIRouter(tags=["review"])
_JSON = TypeAdapter(dict[str, Any])
ScreenId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post(
    "/screens",
    status_code=201,
    response_model=Screen,
    responses=responses() | {200: {"model": Screen, "description": "Nothing waits."}},
)
def claim_screen(asked: ScreenAsked, request: Request, person: ReviewerPerson) -> Response:
    """Claim images for yourself, for ten minutes."""
    filters = Filters(**asked.model_dump(exclude={"mode", "limit"}))
    shown = open_screen(parts_of(request), person, filters, mode=asked.mode, limit=asked.limit)
    if shown is None:
        nothing = Screen(id=None, mode=asked.mode, category=asked.category, pair=asked.pair, expires_at=None, items=[])
        return Response(nothing.model_dump_json(), 200, media_type="application/json")
    # Written as it is: to validate what we have made ourselves took longer than to claim it.
    screen = {field.name: getattr(shown, field.name) for field in fields(shown)}
    return Response(_JSON.dump_json(screen), 201, media_type="application/json")


@router.post("/screens/{id}/extend", responses=responses(404))
def extend_screen(id: ScreenId, request: Request, person: ReviewerPerson) -> Extended:
    """Hold a screen for ten minutes more."""
    expires_at = in_transaction(parts_of(request).sessions, lambda session: screens.extend(session, id, person.user_id))
    return Extended(id=id, expires_at=expires_at)


@router.delete("/screens/{id}", status_code=204, responses=responses(404))
def give_back_screen(id: ScreenId, request: Request, person: ReviewerPerson) -> None:
    """Give back what you have not decided of a screen."""
    give_back(parts_of(request), person, id)


@router.post("/screens/{id}/undo", responses=responses(404))
def undo_screen(id: ScreenId, request: Request, person: ReviewerPerson) -> ScreenUndone:
    """Undo all that you have decided on a screen."""
    reviewer = Reviewer(person.user_id, person.name)

    def work(session: Session) -> list[Restored | Conflict]:
        screens.find(session, id, person.user_id)
        return undoing.undo_screen(session, reviewer, id)

    results = in_transaction(parts_of(request).sessions, work)
    parts_of(request).fronts.forget()
    return ScreenUndone(
        undone=[_undone(result) for result in results if isinstance(result, Restored)],
        conflicts=[_conflict(result) for result in results if isinstance(result, Conflict)],
    )


@router.post("/decisions", response_model=DecisionsRecorded, responses=responses())
def record_decisions(batch: DecisionsGiven, request: Request, person: ReviewerPerson) -> Response:
    """Record decisions; sent again with the same ids, they are recorded once."""
    result = decide(parts_of(request), person, [_given(decision, batch.screen) for decision in batch.decisions])
    told = DecisionsRecorded(
        recorded=len(result.recorded),
        repeated=len(result.repeated),
        conflicts=[_conflict(conflict) for conflict in result.conflicts],
        probes=[ProbeTold(**asdict(checked)) for checked in result.checked],
        careless=result.careless,
    )
    return Response(told.model_dump_json(exclude_defaults=True), media_type="application/json")


@router.post("/decisions/{id}/undo", responses=responses(404, 409))
def undo_decision(id: str, request: Request, person: ReviewerPerson) -> Undone:
    """Undo a decision of your own, or as an operator anybody's; with If-Match only while its image is that version."""
    parts = parts_of(request)
    if "if-match" in request.headers:
        with reading(parts.sessions) as session:
            check_unchanged(request, undoing.version_of(session, person.user_id, id))
    return _undone(undo(parts, person, id, of_anybody="operate" in scopes_of(person)))


def _given(decision: DecisionGiven, screen: int | None) -> Given:
    return Given(
        key=decision.id,
        object_id=decision.object_id,
        version=decision.version,
        outcome=decision.no_category or "category",
        category=decision.category,
        screen_id=screen,
        blind=decision.blind,
        dwell_ms=decision.dwell_ms,
    )


def _undone(result: Restored) -> Undone:
    return Undone(
        id=result.key,
        object_id=result.object_id,
        version=result.version,
        category=result.category,
        needs_review=result.needs_review,
    )


def _conflict(conflict: Conflict) -> ConflictTold:
    return ConflictTold(
        object_id=conflict.object_id, category=conflict.category, by=conflict.by, version=conflict.version
    )
