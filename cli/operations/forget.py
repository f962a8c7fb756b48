"""`tagger forget`: remove images with all their rows, or a whole source."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import actor, load_settings, open_catalogue, refuse
from cli.options import AsJson

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from db.operations.forgetting import Figures
    from db.session import Sessions
    from worker.settings import Settings


def forget(
    key: Annotated[str | None, typer.Argument(help="The key of an image, in whatever bucket or folder.")] = None,
    prefix: Annotated[str | None, typer.Option(help="All images whose keys begin with this.")] = None,
    source: Annotated[
        str | None, typer.Option(help="A folder or s3://bucket/prefix that was tagged. It need not exist any more.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove images with all that is known of them. Files are left alone.

    A source may be tagged anew afterwards. Images named by key or prefix are not taken in again.
    """
    from db.operations import forgetting
    from db.reporting import acts
    from db.session import reading
    from worker.operations.forgetting import forget_all

    if [key, prefix, source].count(None) != 2:
        raise typer.BadParameter("name one of a key, --prefix P and --source S")
    settings = load_settings()
    sessions = open_catalogue(settings)
    meant = _meant(settings, sessions, key, prefix, source)
    with reading(sessions) as session:
        figures = forgetting.figures(session, meant)
    _confirm(figures, yes=yes)
    with sessions.begin() as session:  # before it begins, as it may be interrupted; without keys, which are to go
        acts.note(session, actor(), "images_forgotten", f"{figures.images:,}")
    count = forget_all(sessions, meant, for_good=source is None, on_step=_show)
    if as_json:
        print(json.dumps({"forgotten": count, "decided": figures.decided}))
    else:
        print(f"{count:,} images are forgotten.")


def _meant(
    settings: Settings, sessions: Sessions, key: str | None, prefix: str | None, source: str | None
) -> list[ColumnElement[bool]]:
    from db.operations import forgetting
    from worker.bootstrap import source_store
    from worker.run_requests import source_of

    with sessions.begin() as session:
        if source is not None:
            store = source_store(settings, source)
            forgetting.end_runs(session, store.bucket, source_of(store))
            return [forgetting.of_source(store.bucket, store.prefix)]
        if prefix is not None:
            return forgetting.of_prefix(session, prefix)
        return forgetting.of_key(session, key or "")


def _confirm(figures: Figures, *, yes: bool) -> None:
    """Say what will go, and ask. Without a terminal only --yes will do."""
    if not figures.images:
        raise refuse("the catalogue has no such image; `tagger export` lists what it has", code=1)
    people = ", ".join(f"{name} {count:,}" for name, count in sorted(figures.decided.items()))
    decided = f", and what people decided about them ({people})" if people else ""
    print(f"tagger: {figures.images:,} images go, with their tags and history{decided}", file=sys.stderr)
    if yes:
        return
    if not sys.stdin.isatty():
        raise refuse("nothing was removed: there is no terminal to ask on; say --yes", code=2)
    if not typer.confirm("Forget them?", err=True):
        raise refuse("nothing was removed", code=1)


def _show(done: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} forgotten", end="", file=sys.stderr, flush=True)
