"""`tagger model`: train, evaluate, look at and promote bundles. All that is heavy is imported inside the verbs."""

import typer

from cli.errors import ReportingGroup
from cli.models import backbone, classify, evaluate, inspect, promote, taxonomy, train

app = typer.Typer(
    cls=ReportingGroup, help="Train, look at and try the models that photographs are tagged with.", no_args_is_help=True
)
for verbs in (classify, train, backbone, evaluate, inspect, promote, taxonomy):
    verbs.register(app)
