"""Runs that people ask for: one row for the same work, which goes on where it was interrupted."""

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy.orm import Session

from db import runs
from db.schema import Run
from model.bundle import Bundle
from worker.bundle_lookup import register
from worker.storage.store import Store

SCAN = "scan"


def source_of(store: Store) -> str:
    """Name a store in a form that opens it again from any folder."""
    return store.bucket if store.bucket.startswith("file:") else f"s3://{store.bucket}/{store.prefix}"


def open_or_continue(
    session: Session, store: Store, bundle: Bundle, *, requested_by: str, limit: int | None = None
) -> tuple[Run, bool]:
    """Return the run that tags new images of `store` with `bundle`, set to scanning, and whether it was interrupted."""
    model = register(session, bundle)
    selection = {"source": source_of(store)} | ({} if limit is None else {"limit": limit})
    run = runs.unfinished(session, kind=SCAN, selection=selection, model_version_id=model.id)
    if run is not None and runs.begin_scan(session, run):
        return run, True
    key = f"scan:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}:{uuid4().hex[:8]}"
    run, _ = runs.open_run(
        session, logical_key=key, kind=SCAN, selection=selection, model=model, requested_by=requested_by
    )
    return run, False
