"""`tagger worker`, `scheduler`, `alive`, `db`, `doctor` and `config`: start processes and look after them."""

import json
import socket
from enum import StrEnum
from typing import Annotated

import typer

from cli.catalogue import print_table
from cli.context import await_catalogue, load_settings, open_catalogue, refuse
from cli.errors import describe
from cli.options import AsJson
from cli.output import say, tell


class Role(StrEnum):
    """A process that `tagger alive` asks for."""

    worker = "worker"
    scheduler = "scheduler"


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Children. Default: TAGGER_WORKERS, else cores.")
    ] = None,
    queues: Annotated[str, typer.Option(help="Queues in order of preference.")] = "ops,nightly",
) -> None:
    """Start a worker, which tags what the doorbells call it to until SIGTERM or Ctrl-C."""
    from db.queue.claims import QUEUES
    from db.session import engine_of
    from worker.bootstrap import check_taxonomy
    from worker.bundle_lookup import resolve
    from worker.celery import BrokerUnavailable, check_broker, create_app
    from worker.service import serve

    unknown = [name for name in queues.split(",") if name not in QUEUES]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: the queues are {', '.join(QUEUES)}", param_hint="--queues")
    settings = load_settings(quiet=False, workers=concurrency)
    if settings.embedded:
        raise BrokerUnavailable(
            "TAGGER_BROKER_URL is memory://, which no other process reaches; set redis://host:6379/0, or use tagger run"
        )
    check_broker(create_app(settings))
    sessions = await_catalogue(settings)
    if settings.taxonomy is not None:
        check_taxonomy(settings, resolve(settings.model, settings.bundle_folders, sessions))
    engine_of(sessions).dispose()  # nothing of it may cross the fork
    raise typer.Exit(serve(settings, queues=queues))


def scheduler() -> None:
    """Start a scheduler, which scans what is due, rings for workers and closes runs. Several may run; one leads."""
    from scheduler.service import serve
    from worker.celery import check_broker, create_app

    settings = load_settings(quiet=False)
    if not settings.embedded:
        check_broker(create_app(settings))
    await_catalogue(settings)
    raise typer.Exit(serve(settings))


def alive(
    role: Annotated[Role | None, typer.Option(help="Only a worker, or only a scheduler. Default: either.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether a worker or scheduler of this host lives, for health checks. Exit code 1 if none does."""
    from db import heartbeats
    from db.session import connect, reading, sessions_of

    settings = load_settings()
    if settings.embedded:
        raise refuse("TAGGER_BROKER_URL is memory://, so no worker or scheduler runs; `tagger run` does it all", code=1)
    with reading(sessions_of(connect(settings.database_url, pooled=False, read_only=True))) as session:
        living = heartbeats.alive_on(session, socket.gethostname(), role)
    if as_json:
        print(json.dumps({"alive": living is not None, "role": living and living.role, "name": living and living.name}))
    elif living is not None:
        print(f"{living.role} {living.name} is alive")
    else:
        raise refuse(f"no {role or 'worker or scheduler'} of this host has been alive in the last 45 s", code=1)
    raise typer.Exit(0 if living is not None else 1)


def upgrade() -> None:
    """Upgrade the catalogue's tables to this program's version. Safe to repeat, and from several places at once."""
    from db import migrations
    from db.session import connect

    engine = connect(load_settings().database_url)
    before = migrations.current(engine)
    migrations.upgrade(engine)
    after = migrations.current(engine)
    print(f"the catalogue is at {after}" + (" already" if before == after else f", from {before or 'no tables'}"))


def check() -> None:
    """Check that the catalogue's tables fit this program, without changing them. Exit code 3 if they do not."""
    open_catalogue(load_settings(), read_only=True)
    print("the catalogue's tables fit this program")


def doctor(as_json: AsJson = False) -> None:
    """Try every part that the settings name, and say what to do about each that fails. Exit code 3 if one does."""
    from cli.doctor import examine
    from worker import WorkerError

    try:
        findings = list(examine(load_settings()))
    except (WorkerError, OSError) as error:
        findings = [("settings", False, str(describe(error)))]
    if as_json:
        print(json.dumps([{"check": name, "ok": ok, "detail": detail} for name, ok, detail in findings]))
    else:
        for name, ok, detail in findings:
            (say if ok else tell)(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}")
    raise typer.Exit(0 if all(ok for _, ok, _ in findings) else 3)


def config(as_json: AsJson = False) -> None:
    """Show every setting as this process sees it, with passwords and secrets masked."""
    from worker.settings import Settings, masked, unknown_names

    shown = masked(load_settings())
    for sentence in unknown_names():
        tell(f"tagger: {sentence}")
    if as_json:
        print(json.dumps(shown))
        return
    fields = zip(shown.items(), Settings.model_fields.values(), strict=True)
    print_table(
        [{"setting": name, "value": value or "–", "what it is": field.description} for (name, value), field in fields]
    )
