"""Redis by TLS and a PostgreSQL elsewhere must have certificates that can be verified, unless we are told otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from db.session import connect
from stack.servers import Postgres, Valkey
from tests.faults.tls import Authority, TlsFront
from worker import celery as broker, settings
from worker.celery import BrokerUnavailable, create_app

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl for certificates")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def redis_port(valkey_server: Valkey, authority: Authority) -> Iterator[int]:
    with TlsFront(valkey_server.port, authority.certificate("localhost")) as front:
        yield front.port


@pytest.fixture(scope="module")
def postgres_port(postgres_server: Postgres, authority: Authority) -> Iterator[int]:
    with TlsFront(postgres_server.port, authority.certificate("db.example"), postgres=True) as front:
        yield front.port


def ping(url: str, ca: Path | None = None) -> None:
    app = create_app(settings.load(broker_url=url, broker_ca=ca))
    try:
        broker.check_broker(app)
    finally:
        app.close()


def select(url: str, ca: Path | None = None) -> int:
    engine = connect(settings.load(database_url=url, database_ca=ca).database_url)
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT 1")).scalar_one())
    finally:
        engine.dispose()


def test_redis_is_trusted_with_its_authority_alone(redis_port: int, authority: Authority) -> None:
    with pytest.raises(BrokerUnavailable, match=r"(?i)certificate"):
        ping(f"rediss://localhost:{redis_port}/0")

    ping(f"rediss://localhost:{redis_port}/0", authority.file)
    ping(f"rediss://localhost:{redis_port}/0?ssl_ca_certs={authority.file}")


def test_redis_must_have_the_name_that_was_asked_for(redis_port: int, authority: Authority) -> None:
    with pytest.raises(BrokerUnavailable, match=r"(?i)certificate"):
        ping(f"rediss://127.0.0.1:{redis_port}/0", authority.file)


def test_redis_unverified_is_an_exception_to_ask_for(redis_port: int) -> None:
    ping(f"rediss://127.0.0.1:{redis_port}/0?ssl_cert_reqs=none")


def far(port: int, name: str = "db.example", more: str = "") -> str:
    return f"postgresql+psycopg://postgres@{name}:{port}/postgres?hostaddr=127.0.0.1{more}"


def test_postgresql_elsewhere_is_trusted_with_its_authority_alone(postgres_port: int, authority: Authority) -> None:
    with pytest.raises(OperationalError, match="certificate verify failed"):
        select(far(postgres_port))

    assert select(far(postgres_port), authority.file) == 1
    assert select(far(postgres_port, more=f"&sslrootcert={authority.file}")) == 1


def test_postgresql_must_have_the_name_that_was_asked_for(postgres_port: int, authority: Authority) -> None:
    with pytest.raises(OperationalError, match="does not match host name"):
        select(far(postgres_port, "elsewhere.example"), authority.file)


def test_postgresql_elsewhere_without_tls_or_unverified_is_an_exception_to_ask_for(
    postgres_server: Postgres, postgres_port: int
) -> None:
    with pytest.raises(OperationalError, match="does not support SSL"):
        select(far(postgres_server.port))

    assert select(far(postgres_server.port, more="&sslmode=disable")) == 1
    assert select(far(postgres_port, more="&sslmode=require")) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_postgresql_on_this_host_needs_no_tls(postgres_server: Postgres, host: str) -> None:
    assert select(f"postgresql+psycopg://postgres@{host}:{postgres_server.port}/postgres") == 1


def test_an_authority_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(settings.BadSettings, match=r"TAGGER_BROKER_CA: .*there is no file"):
        settings.load(broker_ca=tmp_path / "none.pem")


def test_an_authority_changes_nothing_of_a_url_that_says_its_own(authority: Authority) -> None:
    for url in ("postgresql://h/x?sslrootcert=other", "sqlite://"):
        assert settings.load(database_url=url, database_ca=authority.file).database_url == url


@pytest.mark.parametrize("url", ["sentinel://a:26379", "redis://a;redis://b", "amqp://a", "amqps://a//"])
def test_brokers_that_were_never_tried_are_refused(url: str) -> None:
    with pytest.raises(settings.BadSettings, match="TAGGER_BROKER_URL"):
        settings.load(broker_url=url)
