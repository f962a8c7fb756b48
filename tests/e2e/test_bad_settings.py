"""Wrong settings: exit code 3, one clear line, no traceback, nothing changed."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from model import bundle
from stack.processes import free_ports
from stack.servers import Postgres, Seaweed, Valkey, valkey
from tests.e2e.deployment import Deployment
from tests.e2e.drawn import blob


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    blob(tmp_path / "photos" / "a.jpg")
    return tmp_path / "photos"


def refused(deployment: Deployment, *arguments: str | Path) -> str:
    """Return the one line that a command refuses with."""
    done = deployment.tagger(*arguments)
    assert done.returncode == 3, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("verb", ["run", "worker", "scheduler"])
def test_a_broker_that_is_not_there(embedded: Deployment, folder: Path, verb: str) -> None:
    embedded.settings["TAGGER_BROKER_URL"] = f"redis://127.0.0.1:{free_ports(1)[0]}/0"

    message = refused(embedded, *([verb, folder] if verb == "run" else [verb]))

    assert "TAGGER_BROKER_URL" in message
    assert not (embedded.folder / "tagger.db").exists()


def test_a_wrong_broker_password_is_not_shown(embedded: Deployment, folder: Path) -> None:
    with valkey(password="right-one") as server:
        embedded.settings["TAGGER_BROKER_URL"] = f"redis://:wrong-one@127.0.0.1:{server.port}/0"

        message = refused(embedded, "run", folder)

    assert "password" in message
    assert "wrong-one" not in message


def test_a_database_that_is_not_there(embedded: Deployment, folder: Path) -> None:
    embedded.settings["TAGGER_DATABASE_URL"] = f"postgresql+psycopg://me:secret@127.0.0.1:{free_ports(1)[0]}/tags"

    message = refused(embedded, "run", folder)

    assert "TAGGER_DATABASE_URL" in message
    assert "secret" not in message


def test_a_database_without_tables_is_left_alone(embedded: Deployment, folder: Path, postgres_server: Postgres) -> None:
    embedded.settings["TAGGER_DATABASE_URL"] = postgres_server.new_database()

    assert "tagger db upgrade" in refused(embedded, "run", folder)
    assert "tagger db upgrade" in refused(embedded, "db", "check")


def test_an_older_schema(embedded: Deployment, folder: Path) -> None:
    embedded.json("run", folder)
    with sqlite3.connect(embedded.folder / "tagger.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")

    message = refused(embedded, "run", folder)

    assert "schema" in message
    assert "schema" in refused(embedded, "db", "upgrade")


def test_a_missing_bucket(embedded: Deployment, seaweed_server: Seaweed) -> None:
    embedded.settings |= seaweed_server.environment()

    assert "no-such-bucket" in refused(embedded, "run", "s3://no-such-bucket/")
    assert not (embedded.folder / "tagger.db").exists()


def test_wrong_s3_credentials(embedded: Deployment, seaweed_server: Seaweed) -> None:
    bucket = seaweed_server.new_bucket()
    embedded.settings |= seaweed_server.environment() | {"TAGGER_S3_SECRET_ACCESS_KEY": "wrong-one"}

    assert "wrong-one" not in refused(embedded, "run", f"s3://{bucket}/")


def test_a_missing_folder(embedded: Deployment) -> None:
    assert "no-such-folder" in refused(embedded, "run", "no-such-folder")


def test_an_unknown_bundle_lists_those_there_are(embedded: Deployment, folder: Path) -> None:
    assert "fashion-mnist" in refused(embedded, "run", folder, "--model", "no-such-bundle")


def test_a_corrupt_bundle(embedded: Deployment, folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "bundle"
    shutil.copytree(bundle.find("fashion-mnist"), mine)
    network = mine / "model.tflite"
    network.write_bytes(network.read_bytes()[:-1] + b"!")

    message = refused(embedded, "run", folder, "--model", mine)

    assert "model.tflite" in message
    assert not (embedded.folder / "tagger.db").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGGER_CHUNK", "many"),
        ("TAGGER_PRODUCT_PATTERN", "(["),
        ("TAGGER_PRODUCT_PATTERN", "no group"),
        ("TAGGER_BROKER_URL", "carrier-pigeon://coop"),
        ("TAGGER_DATABASE_URL", "not a url"),
        ("TAGGER_DATABASE_URL", "mysql://me@there/tags"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(embedded: Deployment, folder: Path, name: str, value: str) -> None:
    embedded.settings[name] = value

    assert name in refused(embedded, "run", folder)


def test_nothing_to_tag_is_a_usage_error(embedded: Deployment) -> None:
    done = embedded.tagger("run")

    assert done.returncode == 2
    assert "TAGGER_SOURCE" in done.stderr


def test_verbs_that_read_need_a_catalogue(embedded: Deployment) -> None:
    for verb in ("status", "failures", "verify", "export"):
        assert "tagger run" in refused(embedded, verb)
    assert not (embedded.folder / "tagger.db").exists()


def test_config_shows_no_secret(embedded: Deployment, valkey_server: Valkey) -> None:
    embedded.settings |= {
        "TAGGER_DATABASE_URL": "postgresql+psycopg://me:hush-database@db/tags",
        "TAGGER_BROKER_URL": "redis://:hush-broker@redis:6379/0",
        "TAGGER_S3_SECRET_ACCESS_KEY": "hush-store",
    }

    shown = embedded.tagger("config", "--json").stdout

    assert "hush" not in shown
    assert "***" in shown
