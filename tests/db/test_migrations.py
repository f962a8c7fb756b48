"""The tables that migrations make are those of `schema`, on both databases, from any state and any process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from db import migrations
from db.schema import Base
from db.session import connect
from stack.processes import spawn
from stack.servers import Postgres
from tests.db import new_sqlite

CODE = "import sys; from db import migrations, session; migrations.upgrade(session.connect(sys.argv[1]))"
_TIME = "'2026-01-01 00:00:00.000000'"
A_RUN_WITH_AN_ITEM = (
    f"INSERT INTO model_version VALUES (1, 'net', '1', NULL, {_TIME})",
    "INSERT INTO run (id, logical_key, kind, selection, model_version_id, requested_by, state, cursor, counts,"
    " created_at, updated_at)"
    f" VALUES (1, 'scan:1', 'scan', '{{}}', 1, 'person:amina', 'running', '', '{{}}', {_TIME}, {_TIME})",
    "INSERT INTO source_object (id, bucket, key, version_token, size, last_modified, first_seen)"
    f" VALUES (1, 'photos', 'a.jpg', 'v1', 1, {_TIME}, {_TIME})",
    "INSERT INTO work_item (id, object_id, version_token, model_version_id, request_id, run_id, queue, priority, state,"
    f" eligible_at) VALUES (1, 1, 'v1', 1, 'scan', 1, 'ops', 1, 'pending', {_TIME})",
)
UPGRADE = [sys.executable, "-W", "error", "-c", CODE]


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    yield engine
    engine.dispose()


def names(engine: Engine) -> set[str]:
    inspector = inspect(engine)
    return {*inspector.get_table_names(), *inspector.get_view_names()}


def is_of(engine: Engine) -> Callable[..., bool]:
    """Leave out of the comparison what the schema has on the other database only."""

    def is_included(thing: Any, *_: Any) -> bool:
        only = getattr(thing, "_ddl_if", None)
        return only is None or only.dialect == engine.dialect.name

    return is_included


def columns(engine: Engine, table: str) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table)}


def test_migrations_go_up_down_and_up_again(empty: Engine) -> None:
    migrations.upgrade(empty)
    all_names = names(empty)
    migrations.downgrade(empty, "base")
    left = names(empty)

    migrations.upgrade(empty)

    assert all_names == {*Base.metadata.tables, "alembic_version", "catalogue_tags", "product_tags"}
    assert left == {"alembic_version"}
    assert names(empty) == all_names
    assert migrations.current(empty) == migrations.HEAD


def test_upgrading_twice_changes_nothing(empty: Engine) -> None:
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO model_version VALUES (1, 'net', '1', NULL, '2026-01-01 00:00:00.000000')"))

    migrations.upgrade(empty)

    with empty.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM model_version")).scalar_one() == 1


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_migrated_tables_are_those_of_the_schema(empty: Engine) -> None:
    migrations.upgrade(empty)

    with empty.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": is_of(empty)}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_an_older_catalogue_is_upgraded_with_all_that_is_in_it(empty: Engine) -> None:
    migrations.upgrade(empty, "0001")
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO model_version VALUES (1, 'net', '1', NULL, '2026-01-01 00:00:00.000000')"))

    migrations.upgrade(empty)
    with empty.begin() as connection:
        model = connection.execute(text("SELECT name, version FROM model_version")).one()
        connection.execute(
            text(
                "INSERT INTO model_promotion (name, seq, action, model_version_id, actor, at, forced, detail)"
                " VALUES ('net', 1, 'promote', 1, 'person:amina', '2026-01-01 00:00:00.000000', false, '{}')"
            )
        )
    migrations.downgrade(empty, "0001")

    assert model == ("net", "1")
    assert "model_promotion" not in names(empty)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM model_version")).scalar_one() == 1


def test_a_catalogue_with_runs_and_items_is_upgraded_and_downgraded_with_all_that_refers_to_them(empty: Engine) -> None:
    migrations.upgrade(empty, "0002")
    with empty.begin() as connection:
        for statement in A_RUN_WITH_AN_ITEM:
            connection.execute(text(statement))

    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE run SET state = 'failed'"))
    upgraded = columns(empty, "work_item")
    migrations.downgrade(empty, "0002")

    with empty.begin() as connection:
        assert connection.execute(text("SELECT state FROM run")).scalar_one() == "cancelled"
        assert not connection.execute(text("SELECT suspect FROM work_item")).scalar_one()
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(text("DELETE FROM run"))
    assert columns(empty, "work_item") - upgraded == {"suspect"}
    migrations.upgrade(empty)


def test_a_run_takes_no_state_that_is_none(empty: Engine) -> None:
    migrations.upgrade(empty)
    with empty.begin() as connection:
        for statement in A_RUN_WITH_AN_ITEM:
            connection.execute(text(statement))

    with pytest.raises(IntegrityError), empty.begin() as connection:
        connection.execute(text("UPDATE run SET state = 'broken'"))


def test_check_accepts_the_head_revision(empty: Engine) -> None:
    migrations.upgrade(empty)

    assert migrations.check(empty) is None


def test_check_names_the_remedy_for_an_empty_database_and_changes_nothing(empty: Engine) -> None:
    with pytest.raises(migrations.SchemaMismatch, match="no tables yet; run `tagger db upgrade`"):
        migrations.check(empty)

    assert names(empty) == set()


def test_check_names_the_remedy_for_an_older_catalogue(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    migrations.upgrade(empty, "0001")
    monkeypatch.setattr(migrations, "HEAD", "9999")

    with pytest.raises(migrations.SchemaMismatch, match="schema is 0001, this program needs 9999; run `tagger db up"):
        migrations.check(empty)


def test_check_names_the_remedy_for_a_newer_catalogue(empty: Engine) -> None:
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(migrations.SchemaMismatch, match=r"schema 9999 is newer .* install the newer tagger"):
        migrations.check(empty)


def test_two_processes_may_upgrade_postgresql_at_once(postgres_server: Postgres, tmp_path: Path) -> None:
    url = postgres_server.new_database()

    both = [spawn([*UPGRADE, url], tmp_path / f"{number}.log") for number in range(2)]
    ended = [(process.wait(30), process.tail()) for process in both]

    assert [status for status, _ in ended] == [0, 0], ended
    engine = connect(url)
    assert migrations.check(engine) is None
    engine.dispose()


def test_the_migrations_are_found_as_a_package_from_any_folder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalogue.db'}"

    upgrade = spawn([*UPGRADE, url], tmp_path / "upgrade.log", cwd=tmp_path)

    assert upgrade.wait(30) == 0, upgrade.tail()
    engine = connect(url)
    assert migrations.check(engine) is None
    engine.dispose()


def test_a_downgrade_leaves_no_index_or_sequence_behind(postgres_server: Postgres) -> None:
    engine = connect(postgres_server.new_database())
    migrations.upgrade(engine)

    migrations.downgrade(engine, "base")

    with engine.connect() as connection:
        left = connection.execute(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
        assert {name for (name,) in left} == {"alembic_version", "alembic_version_pkc"}
    engine.dispose()


def test_the_revision_named_head_is_the_newest_migration() -> None:
    newest = ScriptDirectory.from_config(migrations._config(None)).get_current_head()

    assert newest == migrations.HEAD


def test_a_new_sqlite_catalogue_is_made_at_once_as_the_migrations_would_make_it(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'catalogue.db'}")
    migrations.upgrade(engine)
    engine.dispose()
    migrated = new_sqlite.script()

    assert migrations.NEW_SQLITE.read_text(encoding="utf-8") == migrated, "run `make schema`"
    assert new_sqlite.dumped(tmp_path / "catalogue.db") == migrated


def test_the_triggers_that_count_items_are_there_and_count_what_was_there_before(empty: Engine) -> None:
    """SQLite drops a table's triggers with the copy that a later migration may make of it."""
    migrations.upgrade(empty, "0004")
    with empty.begin() as connection:
        for statement in A_RUN_WITH_AN_ITEM:
            connection.execute(text(statement))

    migrations.upgrade(empty)

    with empty.begin() as connection:
        connection.execute(text("UPDATE work_item SET state = 'cancelled'"))
        kept = connection.execute(text("SELECT name, sum(items) FROM run_count GROUP BY name")).all()
    assert {name: int(items) for name, items in kept if items} == {"cancelled": 1}
