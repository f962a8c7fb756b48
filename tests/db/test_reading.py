"""An SQLite catalogue that is only read: wherever it lies, whoever writes to it, and without a lock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from cli.errors import describe
from db import migrations
from db.session import Sessions, connect, reading, sessions_of
from stack.processes import temporary_folder
from tests.db.catalogues import a_catalogue
from tests.worker.storage.folders import as_nobody


@pytest.fixture
def closed() -> Iterator[Path]:
    """Make a folder that everybody may read and nobody else write to."""
    with temporary_folder("closed", open_to_all=True) as folder:
        folder.chmod(0o755)
        yield folder


@contextmanager
def opened(file: Path, *, read_only: bool) -> Iterator[Sessions]:
    engine = connect(f"sqlite:///{file}", read_only=read_only)
    yield sessions_of(engine)
    engine.dispose()


def keys(file: Path) -> list[str]:
    with opened(file, read_only=True) as sessions, reading(sessions) as session:
        return list(session.execute(text("SELECT key FROM source_object ORDER BY key")).scalars())


def test_a_file_in_a_folder_that_is_closed_to_us_is_read(migrated_sqlite: Path, closed: Path) -> None:
    file = Path(shutil.copyfile(migrated_sqlite, closed / "catalogue.db"))
    with opened(file, read_only=False) as sessions:
        a_catalogue(sessions).items("a.jpg")

    with as_nobody(), opened(file, read_only=True) as sessions:
        migrations.check(sessions.kw["bind"])
        assert keys(file) == ["a.jpg"]
    assert list(closed.iterdir()) == [file]


def test_what_another_user_has_just_written_is_read(migrated_sqlite: Path, closed: Path) -> None:
    file = Path(shutil.copyfile(migrated_sqlite, closed / "catalogue.db"))

    with opened(file, read_only=False) as sessions:
        a_catalogue(sessions).items("a.jpg", "b.jpg")
        assert (closed / "catalogue.db-wal").stat().st_size
        with as_nobody():
            assert keys(file) == ["a.jpg", "b.jpg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user, who only root can be")
def test_a_log_that_cannot_be_read_is_no_reason_to_show_what_was_before(migrated_sqlite: Path, closed: Path) -> None:
    file = Path(shutil.copyfile(migrated_sqlite, closed / "first.db"))
    with opened(file, read_only=False) as sessions:
        a_catalogue(sessions).items("a.jpg")
        shutil.copyfile(file, closed / "catalogue.db")
        shutil.copyfile(f"{file}-wal", closed / "catalogue.db-wal")

    with as_nobody(), pytest.raises(OperationalError) as raised:
        keys(closed / "catalogue.db")
    assert str(describe(raised.value)).startswith(f"the catalogue {closed / 'catalogue.db'} cannot be used (unable to")


def test_a_write_is_refused_with_the_name_of_the_file(migrated_sqlite: Path) -> None:
    with opened(migrated_sqlite, read_only=True) as sessions, pytest.raises(OperationalError) as raised:
        a_catalogue(sessions)

    assert describe(raised.value) == (
        f"the catalogue {migrated_sqlite} cannot be used (attempt to write a readonly database): "
        "this user may not write to it, or not to its folder"
    )


def test_reading_waits_for_no_writer(migrated_sqlite: Path) -> None:
    with opened(migrated_sqlite, read_only=False) as sessions, sessions.begin() as session:
        session.execute(text("DELETE FROM source_object"))  # keeps the write lock until the block ends
        with opened(migrated_sqlite, read_only=True) as others:
            migrations.check(others.kw["bind"])
            assert keys(migrated_sqlite) == []
        migrations.check(sessions.kw["bind"])
