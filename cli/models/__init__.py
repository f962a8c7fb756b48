"""`tagger model`: train, evaluate, inspect and promote bundles."""

import typer

from cli.errors import ReportingGroup
from cli.models import backbone, classify, evaluate, inspect, promote, taxonomy, train

app = typer.Typer(
    cls=ReportingGroup, help="Train, evaluate, inspect and promote the models that tag.", no_args_is_help=True
)
for command, example in (
    (classify.classify, "classify shoe.jpg shirt.png --model fashion-mnist --show seen.png"),
    (classify.list_, "list --bundles bundles"),
    (classify.show, "show fashion-mnist"),
    (train.train, "train fashion-mnist --seed 1 --out bundles/fashion-mnist"),
    (backbone.backbone, "backbone efficientnet-lite0"),
    (evaluate.evaluate, "evaluate fashion-mnist --data photos --map pants=Trouser --out evaluation"),
    (inspect.inspect, "inspect labels.csv --images s3://shop/photos --leave-out hat --out inspection"),
    (promote.promote, "promote bundles/fashion-mnist"),
    (promote.rollback, "rollback fashion-mnist"),
    (taxonomy.taxonomy, "taxonomy samples/taxonomy.csv fashion-mnist"),
):
    app.command(example.split()[0], epilog=f"Example: tagger model {example}")(command)
