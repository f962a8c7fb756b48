"""The `tagger` command, in front of every part of the product."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import catalogue, processes, review, users
from cli.errors import ReportingGroup, prepare_streams, stoppable
from cli.models import app as models
from cli.operations import failures, forget, labels, nightly, report, reprocess, runs, schedule, status
from cli.tagging import run

app = typer.Typer(
    name="tagger",
    cls=ReportingGroup,
    help="Tag a product catalogue: photographs in a folder or S3 become categories and review flags in SQL.",
    epilog="First steps: tagger run photos/   then   tagger status   and   tagger export -o tags.csv",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
db = typer.Typer(help="The catalogue's tables.", no_args_is_help=True)
for group, command, example in (
    (app, run.run, "tagger run s3://catalogue/2026/ --model fashion-mnist --json"),
    (app, run.scan, "tagger scan photos/"),
    (app, nightly.nightly, "tagger nightly --date 2026-11-22"),
    (app, reprocess.reprocess, "tagger reprocess --category Shirt --low-confidence --dry-run"),
    (app, report.report, "tagger report nightly:2026-11-22 -o report.html"),
    (app, labels.import_labels, "tagger import-labels decisions.csv --by amina --dry-run"),
    (app, status.status, "tagger status --watch"),
    (app, failures.failures, "tagger failures --reason corrupt --json"),
    (app, catalogue.verify, "tagger verify --json"),
    (app, catalogue.export, "tagger export --format csv -o tags.csv --needs-review"),
    (app, forget.forget, "tagger forget --source photos-of-last-year/"),
    (app, processes.worker, "TAGGER_BROKER_URL=redis://localhost:6379/0 tagger worker --concurrency 4"),
    (app, processes.scheduler, "TAGGER_BROKER_URL=redis://localhost:6379/0 tagger scheduler"),
    (app, review.review, "tagger review --port 8000"),
    (app, processes.alive, "tagger alive --role worker"),
    (app, processes.doctor, "tagger doctor"),
    (app, processes.config, "tagger config --json"),
    (db, processes.upgrade, "tagger db upgrade"),
    (db, processes.check, "tagger db check"),
):
    group.command(epilog=f"Example: {example}")(command)
app.add_typer(db, name="db")
app.add_typer(models, name="model")
app.add_typer(runs.app, name="runs")
app.add_typer(users.app, name="user")
app.add_typer(schedule.app, name="schedule")


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"tagger {version('catalogue-tagger')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
    env_file: Annotated[
        Path | None, typer.Option(help="A file of settings instead of .env.", envvar="TAGGER_ENV_FILE")
    ] = None,
) -> None:
    """Take what goes before a command's name."""
    if env_file is not None:
        os.environ["TAGGER_ENV_FILE"] = str(env_file)  # for this process and those that it starts


def main() -> None:
    """Run the command that the arguments name. SIGTERM ends it as Ctrl-C does, unless it has ways of its own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    prepare_streams()
    try:
        with stoppable():
            app()
    except typer.Exit as stopped:  # while the commands were put together
        sys.exit(stopped.exit_code)
