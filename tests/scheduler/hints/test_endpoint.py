"""The endpoint for events: only who knows the secret is heard, and 200 means recorded."""

from __future__ import annotations

import base64
import io
import urllib.error
import urllib.request
from collections.abc import Collection
from typing import Any

import pytest
from celery import Celery

from scheduler.hints.counters import HintCounters
from scheduler.hints.endpoint import AT_ONCE, application
from scheduler.hints.events import MOST_BYTES, Hint
from scheduler.hints.intake import Taken
from scheduler.hints.service import Hints
from stack.processes import free_ports
from tests.db.catalogues import Catalogue
from tests.scheduler.hints import posting
from tests.scheduler.hints.messages import event
from tests.scheduler.hints.posting import counted
from worker import settings
from worker.settings import BadSettings, Settings
from worker.storage.store import StoreUnavailable

SECRET = "a-secret-of-some-length"
BEARER = f"Bearer {SECRET}"
BASIC = "Basic " + base64.b64encode(f"anybody:{SECRET}".encode()).decode()


class Takes:
    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.taken = fails, list[str]()

    def take(self, hints: Collection[Hint]) -> Taken:
        if self.fails:
            raise StoreUnavailable("503 SlowDown")
        self.taken += [hint.key for hint in hints]
        return Taken(len(hints), len(hints), len(hints))


class Broken(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise TimeoutError("timed out")


def post(
    intake: Any, body: str | bytes = b"", *, authorization: str = BEARER, **environ: Any
) -> tuple[str, dict[str, str]]:
    """Send a request to the application; returns the status and the headers."""
    data = body.encode() if isinstance(body, str) else body
    answers: list[tuple[str, dict[str, str]]] = []
    request = {
        "PATH_INFO": "/events",
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(data)),
        "HTTP_AUTHORIZATION": authorization,
        "wsgi.input": io.BytesIO(data),
    }
    serves = application(intake, SECRET, HintCounters())
    serves(request | environ, lambda status, headers: answers.append((status, dict(headers))))
    return answers[0]


@pytest.mark.parametrize("authorization", [BEARER, BASIC, f"bearer  {SECRET} "])
def test_who_knows_the_secret_is_heard(authorization: str) -> None:
    intake = Takes()

    status, _ = post(intake, event("a b.jpg"), authorization=authorization)

    assert status == "200 OK"
    assert intake.taken == ["a b.jpg"]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", SECRET, f"Bearer {SECRET}x", f"Digest {SECRET}", "Basic !", "Basic YQ==", "Bearer \xe9"],
)
def test_nobody_else_is(authorization: str) -> None:
    intake = Takes()

    status, headers = post(intake, event("a.jpg"), authorization=authorization)

    assert status == "401 Unauthorized"
    assert headers["WWW-Authenticate"] == "Bearer"
    assert intake.taken == []


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"PATH_INFO": "/metrics"}, "404"),
        ({"REQUEST_METHOD": "GET"}, "405"),
        ({"CONTENT_LENGTH": ""}, "411"),
        ({"CONTENT_LENGTH": "-1"}, "411"),
        ({"CONTENT_LENGTH": "²"}, "411"),
        ({"CONTENT_LENGTH": str(MOST_BYTES + 1)}, "413"),
        ({"CONTENT_LENGTH": "9" * 5000}, "413"),
        ({"wsgi.input": Broken(b"")}, "408"),
    ],
)
def test_a_request_that_is_no_event_is_refused_unread(environ: dict[str, Any], status: str) -> None:
    intake = Takes()

    assert post(intake, event("a.jpg"), **environ)[0].startswith(status)
    assert intake.taken == []


def test_what_is_no_event_is_told_and_what_cannot_be_recorded_comes_again() -> None:
    bad, _ = post(Takes(), "no event")
    failed, headers = post(Takes(fails=True), event("a.jpg"))

    assert bad.startswith("400")
    assert failed.startswith("503")
    assert headers["Retry-After"] == "15"


def test_too_many_events_at_once_are_asked_to_come_again() -> None:
    class TakesItself(Takes):
        depth, answers = 0, list[str]()

        def take(self, hints: Collection[Hint]) -> Taken:
            """Send another event while this one is taken."""
            if self.depth <= AT_ONCE:
                self.depth += 1
                self.answers.append(send())
            return super().take(hints)

    intake, statuses = TakesItself(), list[str]()
    serves = application(intake, SECRET, HintCounters())  # type: ignore[arg-type]

    def send() -> str:
        data = event("a.jpg").encode()
        request = {
            "PATH_INFO": "/events",
            "REQUEST_METHOD": "POST",
            "CONTENT_LENGTH": str(len(data)),
            "HTTP_AUTHORIZATION": BEARER,
            "wsgi.input": io.BytesIO(data),
        }
        serves(request, lambda status, _: statuses.append(status[:3]))
        return statuses[-1]

    send()

    assert sorted(statuses) == ["200"] * AT_ONCE + ["503"]


def test_what_arrives_is_counted_and_so_is_what_became_of_it() -> None:
    counters = HintCounters()
    good, removal = event("a.jpg", "b.jpg"), event("c.jpg", name="ObjectRemoved:Delete")

    for message, secret in ((good, BEARER), (removal, BEARER), ("no event", BEARER), (good, "")):
        serves = application(Takes(), SECRET, counters)  # type: ignore[arg-type]
        posting.post(serves, message.encode(), HTTP_AUTHORIZATION=secret)
    serves = application(Takes(fails=True), SECRET, counters)  # type: ignore[arg-type]
    posting.post(serves, good.encode(), HTTP_AUTHORIZATION=BEARER)

    assert counted(counters) == {
        ("tagger_hints_received_total", "http"): 5,
        ("tagger_hints_taken_up_total", ""): 2,
        ("tagger_hints_ignored_total", "other_event"): 1,
        ("tagger_hints_refused_total", "secret"): 1,
        ("tagger_hints_refused_total", "unreadable"): 1,
        ("tagger_hints_refused_total", "failed"): 1,
    }


def test_a_scheduler_serves_it_on_a_port_of_its_own(catalogue: Catalogue, app: Celery) -> None:
    (port,) = free_ports(1)
    given = {"source": "s3://photos/", "s3_endpoint_url": "http://127.0.0.1:9", "events_secret": SECRET}
    hints = Hints(Settings(events_port=port, **given), catalogue.sessions, app)  # type: ignore[arg-type]
    url = f"http://127.0.0.1:{port}/events"

    try:
        request = urllib.request.Request(url, event("x", bucket="other").encode(), {"Authorization": BEARER})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=30)
        with pytest.raises(BadSettings, match=r"TAGGER_EVENTS_PORT: .* cannot be used"):
            Hints(Settings(events_port=port, **given), catalogue.sessions, app)  # type: ignore[arg-type]
    finally:
        hints.close(1)

    assert text == b"0 of 0 images queued\n"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"events_port": 8002}, "set TAGGER_EVENTS_SECRET"),
        ({"events_secret": "short"}, "16 characters"),
        ({"events_topic_arn": "arn:aws:sns:eu-central-1:123456789012:photos"}, "set that, too"),
        ({"events_topic_arn": "https://sns.eu-central-1.amazonaws.com/photos"}, "no ARN of an SNS topic"),
        ({"events_queue_url": "arn:aws:sqs:eu-central-1:1:photos"}, "https://"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        settings.load(**given)
