"""What is secret in a URL is never shown, wherever in it it stands."""

import pytest

from worker import settings
from worker.urls import hide_password


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
