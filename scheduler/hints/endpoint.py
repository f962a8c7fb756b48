"""The HTTP endpoint for events: POST /events with a shared secret, for stores that call a URL, as MinIO does.

An answer of 200 says that the images are recorded; after 503 the sender has to try again.
"""

import base64
import binascii
import hmac
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from model import ModelError
from scheduler.hints.events import MOST_BYTES, EventUnreadable, hints_in
from scheduler.hints.intake import Intake
from worker import WorkerError

log = structlog.get_logger()

PATH = "/events"
AT_ONCE = 8
"""So many events are taken at once. Others are asked to come again."""
Answer = tuple[HTTPStatus, str]


class Refused(Exception):
    """A request that is no event from somebody who knows the secret."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.answer: Answer = status, why


def application(intake: Intake, secret: str) -> Callable[..., Iterable[bytes]]:
    """Build the WSGI application."""
    places, secret = threading.BoundedSemaphore(AT_ONCE), secret.strip()

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            message = _message(environ, secret)
            status, text = _taken(intake, places, message)
        except Refused as refused:
            status, text = refused.answer
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        if status == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", "Bearer"))
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(("Retry-After", "15"))
        start(f"{status.value} {status.phrase}", headers)
        return [f"{text}\n".encode()]

    return answer


def _message(environ: dict[str, Any], secret: str) -> bytes:
    """Read the body of a request that may be made. Raises Refused."""
    if environ["PATH_INFO"] != PATH:
        raise Refused(HTTPStatus.NOT_FOUND, f"there is {PATH}")
    if not _knows(environ.get("HTTP_AUTHORIZATION", ""), secret):
        raise Refused(HTTPStatus.UNAUTHORIZED, "send TAGGER_EVENTS_SECRET: Authorization: Bearer …")
    if environ["REQUEST_METHOD"] != "POST":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "POST events")
    length = environ.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdecimal()):
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "say how long it is: Content-Length")
    if len(length) > 9 or int(length) > MOST_BYTES:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"it is longer than {MOST_BYTES:,} bytes")
    try:
        message: bytes = environ["wsgi.input"].read(int(length))
    except OSError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "it does not come") from None
    return message


def _knows(header: str, secret: str) -> bool:
    """Tell whether a header has the secret, as a token or as the password of any user; in constant time."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    return scheme.lower() in ("bearer", "basic") and hmac.compare_digest(given.strip().encode(), secret.encode())


def _taken(intake: Intake, places: threading.BoundedSemaphore, message: bytes) -> Answer:
    try:
        hints = hints_in(message)
    except EventUnreadable as error:
        log.warning("event_unreadable", reason=str(error))
        return HTTPStatus.BAD_REQUEST, str(error)
    if not places.acquire(blocking=False):
        return HTTPStatus.SERVICE_UNAVAILABLE, "too many events at once; send it again"
    try:
        taken = intake.take(hints)
    except (WorkerError, ModelError, SQLAlchemyError) as error:
        log.warning("hints_failed", error=str(error))
        return HTTPStatus.SERVICE_UNAVAILABLE, "it cannot be recorded now; send it again"
    finally:
        places.release()
    return HTTPStatus.OK, f"{taken.queued} of {taken.named} images queued"
