"""`tagger export --since`: a copy of the tags that is kept by changes is the same as a full export."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli import exporting
from cli.app import app
from db import changes
from db.operations import forgetting
from db.session import Sessions, engine_of, in_transaction
from tests.db.catalogues import Catalogue, a_catalogue, an_image_tagged
from worker.operations.forgetting import forget_all

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture
def catalogue(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    monkeypatch.setenv("TAGGER_DATABASE_URL", engine_of(sessions).url.render_as_string(hide_password=False))
    catalogue = a_catalogue(sessions)
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        an_image_tagged(catalogue, key)
    return catalogue


def export(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", *arguments])


def test_a_copy_that_is_kept_by_changes_is_the_full_export(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "STEP", 2)
    copy: dict[str, dict[str, str]] = {}
    cursor = "0"
    steps = (
        lambda: None,
        lambda: (catalogue.decide(1, "Coat"), catalogue.decide(2, "Bag"), catalogue.decide(1, "Dress")),
        lambda: (withdraw(catalogue, 2), catalogue.decide(3, "Sandal")),
        lambda: None,
    )
    for step in steps:
        step()
        done = export("--since", cursor, "-o", "changes.csv")
        assert done.exit_code == 0, done.output
        cursor = done.stdout.strip()
        for row in csv.DictReader(Path("changes.csv").read_text(encoding="utf-8").splitlines()):
            copy.pop(row["key"], None)
            if row.pop("deleted") == "false":
                copy[row["key"]] = row

        full = csv.DictReader(export().stdout.splitlines())
        assert copy == {row["key"]: row for row in full}
    assert Path("changes.csv").read_text(encoding="utf-8").count("\n") == 1  # nothing changed in the last step


def withdraw(catalogue: Catalogue, object_id: int) -> None:
    """Take a tag back, as an undo does where there was none before."""
    catalogue.sql(f"DELETE FROM image_tag WHERE object_id = {object_id}")
    catalogue.sql(
        "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at)"
        " SELECT object_id, max(seq) + 1, NULL, '{}', 'run:1', 'undone', max(at) FROM tag_event"
        f" WHERE object_id = {object_id} GROUP BY object_id"
    )


def test_each_image_is_told_once_and_rows_on_standard_output_leave_the_cursor_to_standard_error(
    catalogue: Catalogue,
) -> None:
    for category in ("Coat", "Bag", "Dress"):
        catalogue.decide(1, category)

    done = export("--since", "0", "--format", "jsonl")

    assert [line.count("a.jpg") for line in done.stdout.splitlines()].count(1) == 1
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr.splitlines()[-1] == "tagger: 3 images changed; the next cursor is 6"
    assert export("--since", "6").stdout.count("\n") == 1
    assert export("--since", "0", "--needs-review").exit_code == 2


def test_a_cursor_of_another_catalogue_is_refused_and_one_of_forgotten_images_is_not(catalogue: Catalogue) -> None:
    """After a restored backup, what the copy already has would otherwise be left out without a word."""
    cursor = export("--since", "0", "-o", "changes.csv").stdout.strip()
    with catalogue.sessions.begin() as session:
        every_image = forgetting.of_prefix(session, "")
    forget_all(catalogue.sessions, every_image, for_good=False, on_step=lambda _: None)

    assert export("--since", cursor, "-o", "changes.csv").stdout == f"{cursor}\n"
    refused = export("--since", str(int(cursor) + 1), "-o", "changes.csv")
    assert refused.exit_code == 2
    assert "Begin again with a full export" in " ".join(refused.stderr.replace("│", " ").split())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_change_that_is_committed_late_is_not_missed(catalogue: Catalogue) -> None:
    writing, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with catalogue.sessions.begin() as session:
            from db.review.human_tags import set_human_tag

            set_human_tag(session, 1, "Coat", person="amina", why="slow")
            writing.set()
            may_commit.wait(30)

    slow = threading.Thread(target=write_slowly)
    slow.start()
    writing.wait(30)
    catalogue.decide(2, "Bag")  # has the higher number, and is committed first
    threading.Timer(0.5, may_commit.set).start()

    until = in_transaction(catalogue.sessions, changes.newest)
    told = {row["key"]: row["category"] for row in exporting.read_changes(catalogue.sessions, 3, until)}
    slow.join()

    assert told == {"a.jpg": "Coat", "b.jpg": "Bag"}
