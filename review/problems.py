"""Errors as RFC 9457 has them, application/problem+json, or as a page where a browser asks for one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI, HTTPException as FastAPIException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from starlette.exceptions import HTTPException

from db import CatalogueError
from db.operations.control import NoSuchRun, RunRefused
from db.operations.plans import NoSuchPlan
from db.review.images import NoSuchImage
from db.review.screens import NoSuchScreen
from db.review.truth.sittings import NoSuchSession
from db.review.undoing import NoSuchDecision
from review.api.bodies import ProblemTold
from review.templates import render
from worker.operations.control import WhyMissing
from worker.operations.reprocess import PlanChanged
from worker.operations.selecting import SelectionWrong

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATUS: dict[type[CatalogueError], int] = {
    NoSuchRun: 404,
    NoSuchDecision: 404,
    NoSuchImage: 404,
    NoSuchScreen: 404,
    NoSuchSession: 404,
    NoSuchPlan: 404,
    RunRefused: 409,
    PlanChanged: 409,
    WhyMissing: 422,
    SelectionWrong: 422,
}
PROBLEM = {"content": {"application/problem+json": {"schema": ProblemTold.model_json_schema()}}}


class LoginNeeded(Exception):
    """Nobody is logged in, or no valid token was sent."""


class Problem(FastAPIException):
    """An answer that is no success: a status, a sentence, and what a program needs besides."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **extra: Any) -> None:
        super().__init__(status, detail, headers)
        self.extra = extra


def problem(status: int, detail: str, *, headers: dict[str, str] | None = None, **extra: Any) -> JSONResponse:
    """Return a problem as JSON."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | extra
    return JSONResponse(content, status, headers, "application/problem+json")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the problems that a route of the API answers with, besides those that any does."""
    return {
        status: {"description": HTTPStatus(status).phrase} | PROBLEM for status in (400, 401, 403, 422, 429, *statuses)
    }


def install(app: FastAPI) -> None:
    """Answer every error with a problem, or a page."""

    @app.exception_handler(LoginNeeded)
    def ask_for_login(request: Request, _: LoginNeeded) -> Response:
        if _wants_page(request) and request.method == "GET":
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        return problem(401, "log in, or send a valid token", headers={"WWW-Authenticate": "Bearer"})

    @app.exception_handler(HTTPException)
    def tell(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if _wants_page(request):
            return render(request, "problem.html", status=error.status_code, headers=headers, detail=error.detail)
        extra = error.extra if isinstance(error, Problem) else {}
        return problem(error.status_code, str(error.detail), headers=headers, **extra)

    @app.exception_handler(RequestValidationError)
    def explain(_: Request, error: RequestValidationError) -> Response:
        return problem(422, "; ".join(map(_sentence, error.errors())))

    @app.exception_handler(CatalogueError)
    def tell_of_catalogue(request: Request, error: CatalogueError) -> Response:
        status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 503)
        if _wants_page(request):
            return render(request, "problem.html", status=status, detail=str(error))
        return problem(status, str(error))

    @app.exception_handler(DBAPIError)
    def tell_of_database(request: Request, error: DBAPIError) -> Response:
        if isinstance(error, DataError):
            return problem(422, "a text holds a character, or a number is larger, than the catalogue can hold")
        if isinstance(error, IntegrityError):
            return problem(409, "the same was recorded by another request at this moment; send it again")
        structlog.get_logger().error("catalogue_failed", path=request.url.path, exc_info=error)
        return problem(503, "the catalogue does not answer for now; try again", headers={"Retry-After": "5"})

    @app.exception_handler(Exception)
    def hide(request: Request, error: Exception) -> Response:
        structlog.get_logger().error("request_failed", path=request.url.path, exc_info=error)
        return problem(500, "an error of ours; the log of `tagger review` has it")


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _sentence(fault: Any) -> str:
    place: Sequence[Any] = fault["loc"]
    return f"{'.'.join(map(str, place))}: {fault['msg']}"
