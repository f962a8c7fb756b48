"""Plans and notes at runs; counts of items kept by triggers, indexes of failures and of items claimed too often."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import Id, UtcTime

revision: str = "0006"
down_revision: str | None = "0004"

COUNT_ITEMS = """
CREATE FUNCTION count_work_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO run_count (run_id, name, items) SELECT run_id, state, count(*) FROM added GROUP BY run_id, state;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO run_count (run_id, name, items) SELECT run_id, state, -count(*) FROM removed GROUP BY run_id, state;
    ELSE
        INSERT INTO run_count (run_id, name, items)
        SELECT run_id, state, sum(items)
        FROM (SELECT run_id, state, 1 AS items FROM added UNION ALL SELECT run_id, state, -1 FROM removed) AS changes
        GROUP BY run_id, state HAVING sum(items) <> 0;
    END IF;
    RETURN NULL;
END $$
"""
COUNT_REVIEWS = """
CREATE FUNCTION count_flagged_results() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO run_count (run_id, name, items)
    SELECT run_id, 'needs_review', CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END
    FROM work_item WHERE id = CASE TG_OP WHEN 'INSERT' THEN NEW.work_item_id ELSE OLD.work_item_id END;
    RETURN NULL;
END $$
"""
ON_POSTGRESQL = (
    COUNT_ITEMS,
    COUNT_REVIEWS,
    "CREATE TRIGGER count_added_items AFTER INSERT ON work_item"
    " REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_work_items()",
    "CREATE TRIGGER count_changed_items AFTER UPDATE ON work_item"
    " REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_work_items()",
    "CREATE TRIGGER count_removed_items AFTER DELETE ON work_item"
    " REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_work_items()",
    "CREATE TRIGGER count_flagged_results AFTER INSERT ON classification"
    " FOR EACH ROW WHEN (NEW.needs_review) EXECUTE FUNCTION count_flagged_results()",
    "CREATE TRIGGER count_removed_results AFTER DELETE ON classification"
    " FOR EACH ROW WHEN (OLD.needs_review) EXECUTE FUNCTION count_flagged_results()",
)
ON_POSTGRESQL_DOWN = (
    "DROP TRIGGER count_added_items ON work_item",
    "DROP TRIGGER count_changed_items ON work_item",
    "DROP TRIGGER count_removed_items ON work_item",
    "DROP TRIGGER count_flagged_results ON classification",
    "DROP TRIGGER count_removed_results ON classification",
    "DROP FUNCTION count_work_items()",
    "DROP FUNCTION count_flagged_results()",
)
ADDED, REMOVED = ("NEW", "+ 1"), ("OLD", "- 1")
RESULTS_RUN = "(SELECT run_id FROM work_item WHERE id = {row}.work_item_id)"


def on_sqlite() -> dict[str, str]:
    """Triggers by name."""
    item_changes = "UPDATE OF state, run_id ON work_item WHEN OLD.state != NEW.state OR OLD.run_id != NEW.run_id"
    return {
        "count_added_items": _trigger("INSERT ON work_item", _counted(*ADDED)),
        "count_changed_items": _trigger(item_changes, _counted(*REMOVED) + _counted(*ADDED)),
        "count_removed_items": _trigger("DELETE ON work_item", _counted(*REMOVED)),
        "count_flagged_results": _trigger("INSERT ON classification WHEN NEW.needs_review", _reviewed(*ADDED)),
        "count_removed_results": _trigger("DELETE ON classification WHEN OLD.needs_review", _reviewed(*REMOVED)),
    }


def _trigger(event: str, body: str) -> str:
    return f"AFTER {event.replace(' WHEN', ' FOR EACH ROW WHEN')} BEGIN {body} END"


def _counted(row: str, change: str) -> str:
    return _add(f"{row}.run_id", f"{row}.state", change)


def _reviewed(row: str, change: str) -> str:
    return _add(RESULTS_RUN.format(row=row), "'needs_review'", change)


def _add(run_id: str, name: str, change: str) -> str:
    """Return the statements that change one count. All that is put in are names of columns."""
    count = f"run_id = {run_id} AND name = {name}"
    is_new = f"WHERE NOT EXISTS (SELECT 1 FROM run_count WHERE {count})"  # noqa: S608
    insert = f"INSERT INTO run_count (run_id, name, items) SELECT {run_id}, {name}, 0 {is_new};"
    return f"{insert} UPDATE run_count SET items = items {change} WHERE {count};"  # noqa: S608


def upgrade() -> None:
    _add_operations()
    _count_items()


def _add_operations() -> None:
    op.add_column("run", sa.Column("held_in", sa.Text(), nullable=True))
    op.create_index("ix_tag_event_actor", "tag_event", ["actor", "id"])
    op.create_table(
        "run_note",
        sa.Column("id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_note_run_id_run"),
        sa.PrimaryKeyConstraint("id", name="pk_run_note"),
    )
    op.create_index("ix_run_note_run_id", "run_note", ["run_id"])
    op.create_table(
        "plan",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("model_version_id", Id, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("newest_first", sa.Boolean(), nullable=False),
        sa.Column("up_to_object", Id, nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("frozen_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name="fk_plan_model_version_id_model_version"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_plan"),
        sa.UniqueConstraint("code", name="uq_plan_code"),
    )
    op.create_table(
        "plan_item",
        sa.Column("plan_id", Id, autoincrement=False, nullable=False),
        sa.Column("position", Id, autoincrement=False, nullable=False),
        sa.Column("object_id", Id, autoincrement=False, nullable=False),
        sa.Column("version_token", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name="fk_plan_item_plan_id_plan"),
        sa.PrimaryKeyConstraint("plan_id", "position", "object_id", name="pk_plan_item"),
    )


def _count_items() -> None:
    op.create_table(
        "run_count",
        sa.Column("id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("items", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_count")),
    )
    op.create_index("ix_run_count_name", "run_count", ["run_id", "name"])
    op.execute(
        "INSERT INTO run_count (run_id, name, items) SELECT run_id, state, count(*) FROM work_item GROUP BY 1, 2"
    )
    op.execute(
        "INSERT INTO run_count (run_id, name, items) SELECT w.run_id, 'needs_review', count(*)"
        " FROM classification c JOIN work_item w ON w.id = c.work_item_id WHERE c.needs_review GROUP BY 1"
    )
    if op.get_bind().dialect.name == "sqlite":
        for name, body in on_sqlite().items():
            op.execute(f"CREATE TRIGGER {name} {body}")
    else:
        for statement in ON_POSTGRESQL:
            op.execute(statement)
    _index("ix_work_item_reason", "reason IS NOT NULL", "reason", "object_id")
    _index("ix_work_item_often_claimed", "state IN ('pending', 'leased') AND fence > 50", "id")
    op.add_column("worker_heartbeat", sa.Column("role", sa.Text(), server_default="worker", nullable=False))
    op.add_column("worker_heartbeat", sa.Column("queues", sa.Text(), server_default="ops,nightly", nullable=False))


def _index(name: str, where: str, *columns: str) -> None:
    op.create_index(name, "work_item", [*columns], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name in ("role", "queues"):
        op.drop_column("worker_heartbeat", name)
    for name in ("ix_work_item_often_claimed", "ix_work_item_reason"):
        op.drop_index(name, "work_item")
    if op.get_bind().dialect.name == "sqlite":
        for name in on_sqlite():
            op.execute(f"DROP TRIGGER {name}")
    else:
        for statement in ON_POSTGRESQL_DOWN:
            op.execute(statement)
    op.drop_table("run_count")
    op.drop_table("plan_item")
    op.drop_table("plan")
    op.drop_table("run_note")
    op.drop_index("ix_tag_event_actor", "tag_event")
    op.drop_column("run", "held_in")
