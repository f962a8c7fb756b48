"""The consumer of a queue of events, of SQS or of what speaks as it does.

A message is deleted once its images are recorded, or as nobody can read it. All else comes back by itself.
"""

import re
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import boto3
import structlog
from botocore.config import Config
from sqlalchemy.exc import SQLAlchemyError

from model import ModelError
from scheduler.hints.counters import HintCounters
from scheduler.hints.events import EventUnreadable, Hint, read
from scheduler.hints.intake import Intake
from worker import WorkerError
from worker.settings import Settings
from worker.storage.s3_errors import BOTO_ERRORS
from worker.storage.store import S3Options

log = structlog.get_logger()

WAIT_S = 5
"""So long the server keeps a question open; and so long it may take until this consumer hears that it is to stop."""
BREATH_S = 15.0
"""After something failed."""
AT_ONCE = 10  # SQS gives no more
_AWS = re.compile(r"^sqs\.([a-z0-9-]+)\.")


class Consumer:
    """The consumer of this process, in a thread of its own. One thread calls the methods."""

    def __init__(self, settings: Settings, queue_url: str, intake: Intake, counters: HintCounters) -> None:
        self._client = _client(settings, queue_url)
        self._queue_url = queue_url
        self._intake = intake
        self._counters = counters
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to consume, unless that has begun."""
        if self._thread is None or not self._thread.is_alive():
            self._stopped = threading.Event()
            # A daemon: a server that keeps its answer back must not keep the process from ending.
            self._thread = threading.Thread(target=self._consume, args=(self._stopped,), name="hints", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take no more messages. Those that come in answer to the last question are left for somebody else."""
        self._stopped.set()

    def wait(self, timeout_s: float) -> None:
        """Wait for the last messages to be recorded."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _consume(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                messages = self._received()
                if messages and not stopped.is_set():
                    self._work_off(messages)
            except (*BOTO_ERRORS, WorkerError, ModelError, SQLAlchemyError) as error:
                log.warning("hints_failed", error=str(error))
                stopped.wait(BREATH_S)
            except Exception:
                log.exception("hints_failed")
                stopped.wait(BREATH_S)

    def _received(self) -> Sequence[dict[str, Any]]:
        answer = self._client.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=WAIT_S
        )
        messages: Sequence[dict[str, Any]] = answer.get("Messages", ())
        return messages

    def _work_off(self, messages: Sequence[dict[str, Any]]) -> None:
        self._counters.receive("sqs", len(messages))
        try:
            taken = self._intake.take(self._hints_of(messages))
        except Exception:
            self._counters.refuse("failed", len(messages))
            raise
        self._counters.ignore(taken.ignored)
        self._counters.take_up(taken.queued)
        done = [{"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]} for number, one in enumerate(messages)]
        refused = self._client.delete_message_batch(QueueUrl=self._queue_url, Entries=done).get("Failed", ())
        if refused:  # they come again, and change nothing
            log.warning("events_not_deleted", messages=len(refused), error=refused[0].get("Message", ""))

    def _hints_of(self, messages: Sequence[dict[str, Any]]) -> list[Hint]:
        hints: list[Hint] = []
        for message in messages:
            try:
                event = read(message["Body"])
            except EventUnreadable as error:
                self._counters.refuse("unreadable")
                log.warning("event_unreadable", message=message.get("MessageId"), reason=str(error))
            else:
                self._counters.ignore(event.ignored)
                hints += event.hints
        return hints


def _client(settings: Settings, queue_url: str) -> Any:
    """Make a client with the credentials of S3; where no setting says it, the queue's URL names server and region."""
    options, server = settings.s3, urlsplit(queue_url)
    session = boto3.session.Session()
    return session.client(
        "sqs",
        endpoint_url=settings.events_endpoint_url or f"{server.scheme}://{server.netloc}",
        region_name=settings.events_region or _region(server.netloc, options) or session.region_name or "us-east-1",
        aws_access_key_id=options.access_key_id,
        aws_secret_access_key=options.secret_access_key,
        aws_session_token=options.session_token,
        config=Config(
            connect_timeout=3, read_timeout=WAIT_S + 10, retries={"mode": "standard", "total_max_attempts": 2}
        ),
    )


def _region(host: str, options: S3Options) -> str | None:
    named = _AWS.match(host)
    return named[1] if named else options.region
