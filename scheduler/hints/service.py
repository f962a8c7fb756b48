"""The ways in which hints reach a scheduler: a queue that the leading one consumes, and an endpoint of each."""

from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from celery import Celery

from db.session import Sessions
from scheduler.hints import endpoint
from scheduler.hints.counters import HintCounters
from scheduler.hints.intake import Intake, open_intake
from scheduler.web import serve
from worker.settings import Settings

if TYPE_CHECKING:
    from scheduler.hints.sns import Topic
    from scheduler.hints.sqs import Consumer


class Hints:
    """The hints of this process, if the settings ask for any. One thread calls the methods."""

    def __init__(self, settings: Settings, sessions: Sessions, app: Celery) -> None:
        self.counters = HintCounters()
        self._consumer: Consumer | None = None
        self._server: WSGIServer | None = None
        port, secret, queue_url = settings.events_port, settings.events_secret, settings.events_queue_url
        if port is None and queue_url is None:
            return
        intake = open_intake(settings, sessions, app)
        if queue_url is not None:
            self._consumer = _consumer(settings, queue_url, intake, self.counters)
        if port is not None and secret is not None:
            topic = _topic(settings.events_topic_arn) if settings.events_topic_arn else None
            application = endpoint.application(intake, secret.get_secret_value(), self.counters, topic)
            self._server = serve(application, port, name="events", setting="TAGGER_EVENTS_PORT")

    def consume(self) -> None:
        """Begin to consume the queue, as this scheduler leads."""
        if self._consumer is not None:
            self._consumer.start()

    def stop(self) -> None:
        """Consume no more, as another scheduler leads."""
        if self._consumer is not None:
            self._consumer.stop()

    def close(self, timeout_s: float) -> None:
        """Take no more hints, and wait a while until those that were taken are recorded."""
        self.stop()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._consumer is not None:
            self._consumer.wait(timeout_s)


def _consumer(settings: Settings, queue_url: str, intake: Intake, counters: HintCounters) -> "Consumer":
    from scheduler.hints.sqs import Consumer  # boto3, which a scheduler without a queue does not need

    return Consumer(settings, queue_url, intake, counters)


def _topic(arn: str) -> "Topic":
    from scheduler.hints.sns import Topic  # cryptography, which only the extra `sns` brings

    return Topic(arn)
