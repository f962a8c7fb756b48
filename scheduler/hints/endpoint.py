"""The HTTP endpoint for events: POST /events with a shared secret, for stores that call a URL, as MinIO does, and SNS.

An answer of 200 says that the images are recorded; after 503 the sender has to try again.
"""

import base64
import binascii
import hmac
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from model import ModelError
from scheduler.hints.counters import HintCounters, Refusal
from scheduler.hints.events import MOST_BYTES, Event, EventUnreadable, read
from scheduler.hints.intake import Intake
from worker import WorkerError

if TYPE_CHECKING:
    from scheduler.hints.sns import Topic

log = structlog.get_logger()

PATH = "/events"
AT_ONCE = 8
"""So many events are taken at once. Others are asked to come again."""


class Refused(Exception):
    """A request that is not taken, as it is no event from somebody who knows the secret, or not now."""

    def __init__(self, status: HTTPStatus, why: str, reason: Refusal = "request") -> None:
        super().__init__(why)
        self.status, self.why, self.reason = status, why, reason


def application(
    intake: Intake, secret: str, counters: HintCounters, topic: "Topic | None" = None
) -> Callable[..., Iterable[bytes]]:
    """Build the WSGI application. With a topic, messages of SNS have to be signed by it."""
    places, secret = threading.BoundedSemaphore(AT_ONCE), secret.strip()
    # SNS sends a password only after it was asked for one, with a realm; who knows no topic is told of the other way.
    challenge = "Bearer" if topic is None else 'Basic realm="tagger"'

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        counters.receive("http")
        try:
            message = _message(environ, secret)
            text = _settled(topic, message, counters) or _taken(intake, places, message, counters)
            status = HTTPStatus.OK
        except Refused as refused:
            counters.refuse(refused.reason)
            status, text = refused.status, refused.why
        if status == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", challenge))
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
        raise Refused(HTTPStatus.UNAUTHORIZED, "send TAGGER_EVENTS_SECRET: Authorization: Bearer …", "secret")
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


def _settled(topic: "Topic | None", message: bytes, counters: HintCounters) -> str | None:
    """Check a message of SNS, and answer one about the subscription; None for an event. Raises Refused."""
    if topic is None:
        return None
    from scheduler.hints.sns import Forged, Unreachable

    try:
        text = topic.settle(message)
    except Forged as error:
        log.warning("sns_message_refused", reason=str(error))
        raise Refused(HTTPStatus.FORBIDDEN, str(error), "signature") from None
    except Unreachable as error:
        log.warning("hints_failed", error=str(error))
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "SNS does not answer now; send it again", "failed") from None
    if text is not None:
        counters.ignore({"subscription": 1})
    return text


def _taken(intake: Intake, places: threading.BoundedSemaphore, message: bytes, counters: HintCounters) -> str:
    """Record what an event names. Raises Refused."""
    event = _event(message)
    if not places.acquire(blocking=False):
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many events at once; send it again", "busy")
    try:
        taken = intake.take(event.hints)
    except (WorkerError, ModelError, SQLAlchemyError) as error:
        log.warning("hints_failed", error=str(error))
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "it cannot be recorded now; send it again", "failed") from None
    finally:
        places.release()
    counters.ignore(event.ignored)
    counters.ignore(taken.ignored)
    counters.take_up(taken.queued)
    return f"{taken.queued} of {taken.named} images queued"


def _event(message: bytes) -> Event:
    try:
        return read(message)
    except EventUnreadable as error:
        log.warning("event_unreadable", reason=str(error))
        raise Refused(HTTPStatus.BAD_REQUEST, str(error), "unreadable") from None
