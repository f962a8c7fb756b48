"""What is secret in a URL is never shown, wherever in it it stands."""

import pytest

from worker import settings
from worker.configuration.urls import hide_password
from worker.storage.s3_client import connect


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u@h/d?sslmode=require&password=hun ter2", "postgresql://u@h/d?sslmode=require&password=***"),
        ("postgresql://u@h/d?sslpassword=hunter2&a=b", "postgresql://u@h/d?sslpassword=***&a=b"),
        ("postgresql://u@h/d?pass%77ord=hunter2", "postgresql://u@h/d?pass%77ord=***"),
        ("postgresql://u@h/d?password=hun&ter2", "postgresql://u@h/d?password=***"),
        ("postgresql://u@h/d?password=hun@ter2?a=b", "postgresql://u@h/d?password=***"),
        ("postgresql://u:hun?ter2@h/d", "postgresql://u:***@h/d"),
        ("redis://:hunter/2@h:6379/0", "redis://:***@h:6379/0"),
        ("redis://me:hun@ter2@h:6379/0", "redis://me:***@h:6379/0"),
        ("rediss://:hun#ter:2@h", "rediss://:***@h"),
        ("https://k:hunter2@s3.example?X-Amz-Security-Token=hunter2", "https://k:***@s3.example?X-Amz-Security-Token=***"),
        ("postgresql://h/d?passfile=/etc/pgpass&sslkey=/k.pem", "postgresql://h/d?passfile=/etc/pgpass&sslkey=/k.pem"),
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("sqlite:///tagger.db", "sqlite:///tagger.db"),
        ("s3://catalogue/2026/", "s3://catalogue/2026/"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert hide_password(url) == shown


def test_the_settings_are_shown_without_secrets() -> None:
    loaded = settings.load(
        database_url="postgresql+psycopg://u:hunter2@h/d?password=hunter2",
        s3_endpoint_url="https://k:hunter2@store",
        s3_secret_access_key="hunter2",
    )

    assert "hunter2" not in str(settings.masked(loaded))


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter/2@h:6379/0",
        "redis://:hunter?2@h:6379/0",
        "redis://:1?hunter@h:6379/0",
        "rediss://me:hunter#2@h/0",
        "redis://:hun]ter2@h",
        "redis://:hunter@2@h/0",
        "redis://me:hunter2",
        "redis://:hunter2@h/one",
        "redis://:hunter2@h:70000/0",
        "redis://:hunter2@a..b/0",
        "rediss://:hunter2@h/0?ssl_cert_reqs=maybe",
    ],
)
def test_a_broker_url_that_would_be_misread_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(settings.BadSettings, match=r"^TAGGER_BROKER_URL: ") as refused:
        settings.load(broker_url=url)

    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://", "redis://:hun%2Fter2@[::1]:6379/0", "rediss://a:b@h?ssl_cert_reqs=none"])
def test_a_broker_url_that_is_read_as_written_is_accepted(url: str) -> None:
    assert settings.load(broker_url=url).broker_url == url


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "postgresql://me:hunter2",
        "postgresql://me:a@hunter2@h/d",
        "postgresql://me:hunter2@h:port/d",
        "postgresql+psycopg2://me:hunter2@h/d",
        "sqlite+aiosqlite:///hunter2.db",
        "mysql://me:hunter2@h/d",
    ],
)
def test_a_database_url_that_cannot_be_used_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(settings.BadSettings, match=r"^TAGGER_DATABASE_URL: ") as refused:
        settings.load(database_url=url)

    assert "hunter" not in str(refused.value)


def test_a_database_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.configuration.urls.find_spec", lambda name: None)

    with pytest.raises(settings.BadSettings, match=r"TAGGER_DATABASE_URL: .*psycopg is not installed"):
        settings.load(database_url="postgresql://h/d")


def test_a_session_token_reaches_the_store_and_is_not_shown() -> None:
    loaded = settings.load(s3_access_key_id="id", s3_secret_access_key="hunter2", s3_session_token="hunter3")

    connection = connect(loaded.s3, "catalogue")

    assert connection.client._request_signer._credentials.token == "hunter3"
    assert "hunter" not in str(settings.masked(loaded)) + repr(loaded.s3)
