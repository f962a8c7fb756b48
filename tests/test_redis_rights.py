"""The Redis of docker-compose.yml, with the rights that it gives: enough to ring and to be rung, and no more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from stack.processes import temporary_folder
from stack.servers import Valkey
from worker import celery as broker
from worker.celery import create_app
from worker.settings import Settings

COMPOSE = Path(__file__).parent.parent / "docker-compose.yml"
PASSWORD = "open sesame & #1"


class Composed(Valkey):
    """A Valkey with the settings that the service `redis` writes."""

    def command(self) -> list[str | Path]:
        program, *_ = super().command()
        service: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["redis"]
        script = service["command"][-1].replace("$$", "$").replace("exec valkey-server -", "cat")
        environment = {"REDISCLI_AUTH": PASSWORD, "PATH": "/usr/bin:/bin"}
        settings = subprocess.run(["sh", "-euc", script], env=environment, capture_output=True, text=True, check=True)
        file = self.folder / "valkey.conf"
        file.write_text(settings.stdout.replace("dir /data", f"dir {self.folder}\nbind 127.0.0.1\nport {self.port}"))
        return [program, file]


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    with temporary_folder("composed") as folder, Composed(folder) as server:
        yield server


@pytest.fixture
def client(composed: Composed) -> Iterator[Any]:
    with redis.Redis(port=composed.port, password=PASSWORD) as client:
        yield client


def test_the_password_suffices_to_ring_and_to_be_rung(composed: Composed) -> None:
    quoted = PASSWORD.replace(" ", "%20").replace("&", "%26").replace("#", "%23")
    app = create_app(Settings(broker_url=f"redis://:{quoted}@127.0.0.1:{composed.port}/0"))

    broker.check_broker(app)
    broker.ring(app, "ops")
    waiting = broker.depth(app, "ops"), broker.depth(app, "nightly")
    with app.connection_for_read() as connection, connection.SimpleQueue(app.amqp.queues["ops"]) as messages:
        message = messages.get(timeout=2)
        message.ack()

    assert waiting == (1, 0)
    assert message.payload[1] == {"v": 1, "queue": "ops"}
    app.close()


def test_nobody_gets_in_without_the_password(composed: Composed) -> None:
    with redis.Redis(port=composed.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


FORBIDDEN = """
    FLUSHALL|CONFIG GET *|EVAL return(1) 0|KEYS *|GET ops|SET ops x|DEL ops|APPEND ops x|LPUSH other x|SHUTDOWN
    |REPLICAOF a 1|PUBLISH x y|SUBSCRIBE x|CLIENT KILL TYPE normal|ACL LIST
"""


@pytest.mark.parametrize("command", FORBIDDEN.split("|"))
def test_the_password_opens_nothing_else(client: Any, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())


def test_a_message_of_megabytes_does_not_get_in(client: Any) -> None:
    with pytest.raises((redis.ResponseError, redis.ConnectionError)):
        client.lpush("nightly", b"x" * (2 << 20))
