"""The Celery app: Redis carries doorbells, SQL the work. The settings are those measured in docs/decisions.md."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu import Connection, Queue
from kombu.exceptions import ChannelError, OperationalError

from db.queue.claims import QUEUES
from worker import WorkerError
from worker.broker import transport
from worker.broker.transport import DOORBELL, MESSAGE_VERSION, shadow
from worker.configuration.urls import hide_password
from worker.settings import Settings

transport.install()


class BrokerUnavailable(WorkerError):
    """The broker cannot be reached or refuses us."""


def create_app(settings: Settings, *, working: bool = False) -> Celery:
    """Create the app, for ringing or for `working`. Makes no connection.

    Ringing happens beside other work, which a broker that hangs must not hold up, so its time-outs are short.
    """
    app = Celery("tagger", broker=settings.broker_url, include=["worker.tasks"], set_as_current=True)
    app.conf.update(_BEHAVIOUR)
    if settings.celery_monitoring == "on":
        app.conf.update(_MONITORED)
    app.conf.update(task_queues=[Queue(name) for name in QUEUES], task_default_queue="nightly")
    if settings.broker_url.startswith("redis"):
        app.conf.broker_transport_options = _REDIS if working else _REDIS | _IMPATIENT
    if settings.broker_url.startswith("rediss"):  # what the URL says of certificates goes before
        authorities = {"ssl_ca_certs": str(settings.broker_ca)} if settings.broker_ca else {}
        app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True} | authorities
    return app


def check_broker(app: Celery) -> None:
    """Raise BrokerUnavailable when the broker does not answer within a few seconds."""
    with _connected(app):
        pass


def depth(app: Celery, queue: str) -> int:
    """Count the doorbells that wait in a queue. Raises BrokerUnavailable."""
    with _connected(app) as connection:
        try:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:
            return 0  # Redis forgets an empty list


def ring(app: Celery, queue: str) -> None:
    """Put one doorbell into a queue. It names the queue and no image. Raises BrokerUnavailable."""
    with _connected(app) as connection:
        app.send_task(
            DOORBELL,
            kwargs={"v": MESSAGE_VERSION, "queue": queue},
            queue=queue,
            shadow=shadow(DOORBELL, queue),
            connection=connection,
            retry=False,
        )


def depths(settings: Settings) -> dict[str, int]:
    """Count the doorbells that wait, by queue; empty when the broker does not answer."""
    app = create_app(settings)
    try:
        return {name: depth(app, name) for name in QUEUES}
    except BrokerUnavailable:
        return {}


@contextmanager
def _connected(app: Celery) -> Iterator[Connection]:
    """Yield a new connection that was tried; whatever the broker refuses or leaves unanswered is BrokerUnavailable."""
    with _connection(app) as connection:
        try:
            _connect(connection)
            yield connection
        except (OperationalError, OSError, *connection.connection_errors, *connection.channel_errors) as error:
            raise BrokerUnavailable(
                f"the broker {hide_password(app.conf.broker_url)} cannot be used ({error}); "
                "check TAGGER_BROKER_URL, its password and that the server runs"
            ) from None


def _connection(app: Celery) -> Connection:
    try:
        return app.connection_for_write()
    except (ValueError, TypeError, LookupError):
        raise BrokerUnavailable(_MISREAD) from None


def _connect(connection: Connection) -> None:
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_IMPATIENT["socket_timeout"])
    except (ValueError, TypeError, LookupError):
        raise BrokerUnavailable(_MISREAD) from None


# kombu's own texts quote the URL.
_MISREAD = "TAGGER_BROKER_URL has an option in its query that is not known: leave it out"

_BEHAVIOUR: dict[str, Any] = {
    "result_backend": None,
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "task_serializer": "json",
    "event_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "task_acks_late": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_reject_on_worker_lost": False,  # the SQL lease recovers; True loops for ever
    "task_retry_on_worker_lost": False,
    "task_soft_time_limit": 240,
    "task_time_limit": 300,  # a task works 60 s by its own clock
    "task_create_missing_queues": False,
    "worker_consumer": "worker.broker.consumer:Consumer",
    "worker_prefetch_multiplier": 1,
    "worker_proc_alive_timeout": 120.0,  # with the default 4 s a slow start never comes back after one death
    "worker_max_tasks_per_child": 500,
    "worker_max_memory_per_child": 1_500_000,  # kB
    "worker_lost_wait": 10.0,
    "worker_soft_shutdown_timeout": 30.0,
    "worker_cancel_long_running_tasks_on_connection_loss": False,  # the fence makes the double one harmless
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,  # a read-only replica, a full server, a key of the wrong type
    "broker_pool_limit": 4,
    "broker_pool_acquire_timeout": 10.0,
}

_MONITORED: dict[str, Any] = {
    "task_send_sent_event": True,
    "worker_send_task_events": True,
    "worker_enable_remote_control": True,
}

_REDIS: dict[str, Any] = {
    "queue_order_strategy": "priority",
    "priority_steps": [0],
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "retry_on_timeout": False,
    "max_connections": 20,
}

_IMPATIENT: dict[str, Any] = {"socket_timeout": 2.0, "socket_connect_timeout": 2.0}
