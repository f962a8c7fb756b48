"""`tagger model`: train, evaluate, inspect and promote bundles."""

import typer

from cli.errors import ReportingGroup
from cli.models import backbone, classify, evaluate, inspect, promote, taxonomy, train

app = typer.Typer(
    cls=ReportingGroup, help="Train, evaluate, inspect and promote the models that tag.", no_args_is_help=True
)
for commands in (classify, train, backbone, evaluate, inspect, promote, taxonomy):
    commands.register(app)
