"""The `tagger` command, in front of every part of the product."""

import typer

from cli import catalogue, processes, run
from cli.errors import ReportingGroup
from cli.models import app as models

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
run.register(app)
catalogue.register(app)
processes.register(app)
app.add_typer(models, name="model")


def main() -> None:
    """Run the command that the arguments name."""
    app()
