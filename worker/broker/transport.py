"""Kombu's Redis transport, behind a guard: a message in Redis can wake a worker or begin today's night, nothing else.

Celery takes much from a message: how it is packed, when it is due, how long it may run, what comes after it. So no
message is handed on. What is a doorbell to the letter is rung anew, with nothing of the sender's in it; all else is
dropped here, before anything unpacks it.

Doorbells are not acknowledged in Redis: SQL knows what is left to do, and whoever leads the scheduler rings again.
"""

import base64
import json
from typing import Any, Literal
from uuid import UUID, uuid4

import structlog
from kombu.transport import TRANSPORT_ALIASES, redis
from pydantic import BaseModel, ConfigDict, Field, ValidationError

log = structlog.get_logger()

DOORBELL = "tagger.classify"
NIGHT = "tagger.nightly"
"""The task of a message that begins today's night, for schedulers other than ours. It takes no arguments."""
MESSAGE_VERSION = 1
_REPLIES = "reply.celery.pidbox"
_REPLY_MS = 60_000
MAX_BYTES = 16_384
"""A doorbell takes about 900."""


class Doorbell(BaseModel):
    """Version 1 of the message. Later minor versions may add fields, which this one ignores."""

    model_config = ConfigDict(extra="ignore", strict=True)

    v: int = Field(ge=MESSAGE_VERSION, le=MESSAGE_VERSION)
    queue: Literal["ops", "nightly"]


class _Headers(BaseModel):
    """What must be said of a doorbell, and what must not be asked with one."""

    model_config = ConfigDict(extra="ignore", strict=True)

    task: Literal["tagger.classify", "tagger.nightly"]
    id: Any = None
    compression: None = None
    eta: None = None
    expires: None = None
    timelimit: list[None] | None = None


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    body: str
    headers: _Headers


def check_doorbell(item: bytes, queue: str) -> tuple[str, str]:
    """Return the task and the id of a message from Redis; an id that is none is replaced.

    Raises ValueError unless the message rings for this queue or for the night.
    """
    if len(item) > MAX_BYTES:
        raise ValueError(f"{len(item)} bytes are too many")
    envelope = _Envelope.model_validate_json(item)
    identity = _uuid(envelope.headers.id)
    if envelope.headers.task == NIGHT:
        return NIGHT, identity
    try:
        _, message, _ = json.loads(base64.b64decode(envelope.body, validate=True))
    except (RecursionError, TypeError) as error:
        raise ValueError(str(error)) from None
    if Doorbell.model_validate(message).queue != queue:
        raise ValueError("it rings for another queue")
    return DOORBELL, identity


def _uuid(value: Any) -> str:
    """Return the id that a message was sent with, by which monitors know it again, or a new one."""
    try:
        return str(UUID(value))
    except (ValueError, TypeError, AttributeError):
        return str(uuid4())


def shadow(task: str, queue: str) -> str:
    """Return the name under which monitors and logs show a task."""
    return f"{task} ({queue})"


def new_message(queue: str, task: str = DOORBELL, identity: str | None = None) -> dict[str, Any]:
    """Build a message as Celery wants it, with nothing in it but the queue and the id it was sent with."""
    body = json.dumps([[], {"v": MESSAGE_VERSION, "queue": queue}, {}])
    return {
        "body": base64.b64encode(body.encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": task, "id": identity or str(uuid4()), "lang": "py", "shadow": shadow(task, queue)},
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": queue},
            "delivery_tag": str(uuid4()),
        },
    }


def _answer(reply: Any) -> tuple[bytes, str] | None:
    """Ring anew what BRPOP brought; None, as if it had brought nothing, for what is no doorbell of that queue."""
    if not reply:
        return None
    name, item = reply
    queue = name.decode(errors="replace")
    try:
        task, identity = check_doorbell(item, queue)
    except ValueError as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        log.warning("doorbell_dropped", queue=queue, bytes=len(item), reason=reason)
        return None
    return name, json.dumps(new_message(queue, task, identity))


class Channel(redis.Channel):  # type: ignore[misc]  # Kombu ships no types
    """A channel that reads doorbells and nothing else, and keeps neither books nor bindings in Redis."""

    ack_emulation = False
    do_restore = False

    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous)
        client.set_response_callback("BRPOP", lambda reply, **_: _answer(reply))
        return client

    def _queue_bind(self, exchange: str, routing_key: str, _: str, queue: str) -> None:
        """Record nothing in Redis: a queue's name is its address. Monitors broadcast, which a subscription is for."""
        if self.typeof(exchange).type == "fanout":
            self._fanout_queues[queue] = (exchange, routing_key.replace("#", "*"))

    def _lookup(self, exchange: str, routing_key: str, *_: Any) -> list[str]:
        """Return the queues of a message. A monitor's answer goes into one named by both, and is not kept for long."""
        if exchange != _REPLIES:
            return [routing_key]
        queue = f"{routing_key}.{exchange}"
        self._expires[queue] = _REPLY_MS
        return [queue]

    def maybe_refresh_binding_expiry(self) -> None:
        """Do nothing, as no bindings are kept."""


class Transport(redis.Transport):  # type: ignore[misc]
    """The transport that redis:// and rediss:// stand for in our processes."""

    Channel = Channel


def install() -> None:
    """Let redis:// and rediss:// mean this transport, in every connection that is made from now on."""
    TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "worker.broker.transport:Transport"
