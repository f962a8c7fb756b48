"""Errors that the user can fix end in one line and exit code 3; our own defects in a traceback."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from sqlalchemy.exc import ArgumentError, OperationalError
from typer.testing import CliRunner

from cli.errors import ReportingGroup
from db.session import CatalogueUnavailable
from model.bundle import BundleNotFound
from worker.celery import BrokerUnavailable


def run(raises: Callable[[], None]) -> tuple[int, str, BaseException | None]:
    """Exit code, standard error and exception of a command that does this, in a group of a group."""
    app, inner = typer.Typer(cls=ReportingGroup), typer.Typer(cls=ReportingGroup)
    inner.command("now")(raises)
    inner.command("never")(lambda: None)
    app.add_typer(inner, name="fail")
    done = CliRunner().invoke(app, ["fail", "now"])
    return done.exit_code, done.stderr, done.exception


@pytest.mark.parametrize("error", [BundleNotFound, CatalogueUnavailable, BrokerUnavailable])
def test_errors_of_every_package_are_told_in_one_line(error: type[Exception]) -> None:
    def fail() -> None:
        raise error("it is gone: put it back")

    assert run(fail)[:2] == (3, "tagger: it is gone: put it back\n")


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT 1", {}, Exception("no route\nto it")), ArgumentError("no such dialect")]
)
def test_errors_of_the_database_name_its_setting_in_one_line(error: Exception) -> None:
    def fail() -> None:
        raise error

    code, message, _ = run(fail)

    assert code == 3
    assert "TAGGER_DATABASE_URL" in message
    assert message.count("\n") == 1


def test_a_package_that_is_not_installed_is_named_with_its_extra() -> None:
    def fail() -> None:
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    code, message, _ = run(fail)

    assert (code, message) == (3, "tagger: this needs keras: pip install 'catalogue-tagger[train]'\n")


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    def fail() -> None:
        (tmp_path / "nowhere" / "tags.csv").write_text("")

    code, message, _ = run(fail)

    assert code == 3
    assert f"{tmp_path / 'nowhere' / 'tags.csv'} cannot be used (No such file" in message


@pytest.mark.parametrize("error", [KeyError("category"), OSError(errno.EIO, os.strerror(errno.EIO))])
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    def fail() -> None:
        raise error

    assert run(fail)[2] is error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_in_a_line(number: int) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    code, message, _ = run(fail)

    assert code == 3
    assert "TMPDIR" in message
    assert message.count("\n") == 1


def test_a_folder_that_was_deleted_under_ones_feet_is_told(tmp_path: Path) -> None:
    def fail() -> None:
        (tmp_path / "here").mkdir()
        os.chdir(tmp_path / "here")
        (tmp_path / "here").rmdir()
        Path("relative").absolute()

    try:
        code, message, _ = run(fail)
    finally:
        os.chdir(tmp_path)

    assert (code, message) == (3, "tagger: the folder you are in no longer exists: change to another\n")


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("attempt to write a readonly database", "this user may not write to it"),
        ("database is locked", "another program writes to it"),
        ("file is not a database", "name another in TAGGER_DATABASE_URL"),
    ],
)
def test_an_sqlite_file_that_cannot_be_used_is_named_with_the_reason(reason: str, remedy: str) -> None:
    def fail() -> None:
        cause = Exception(reason)
        cause.add_note("/shop/tagger.db")
        raise OperationalError("SELECT 1", {}, cause)

    code, message, _ = run(fail)

    assert code == 3
    assert f"/shop/tagger.db cannot be used ({reason}): {remedy}" in message


def test_an_interruption_is_told_with_exit_code_130() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    assert run(stop)[:2] == (130, "tagger: stopped\n")


def test_a_usage_error_stays_exit_code_2() -> None:
    def fail() -> None:
        raise typer.BadParameter("no such thing")

    assert run(fail)[0] == 2


def test_a_certificate_that_is_not_trusted_names_the_setting_and_the_exceptions() -> None:
    def fail() -> None:
        reason = 'connection to server at "db" failed: SSL error: certificate verify failed'
        raise OperationalError("SELECT 1", {}, Exception(reason))

    code, message, _ = run(fail)

    assert code == 3
    assert all(name in message for name in ("TAGGER_DATABASE_CA", "sslmode=require", "sslmode=disable"))
    assert message.count("\n") == 1
