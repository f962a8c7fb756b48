"""Options that several commands share, with their help."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
AsLastLine = Annotated[bool, typer.Option("--json", help="End in one JSON line on standard output.")]
Bundles = Annotated[
    list[Path] | None,
    typer.Option("--bundles", help="A folder of bundles; may be given again. Default: TAGGER_BUNDLES."),
]
DATA = (
    "A folder with a sub-folder of photographs for each category; a CSV or JSON Lines file with key and category; or"
    " the word catalogue, for what people decided about its images."
)
IMAGES = "For a table: the folder or s3://bucket/prefix that holds its keys. Default: the table's own folder."
NAMED = "A bundle's name (its promoted version), name@version or folder. Default: TAGGER_MODEL."
TAXONOMY = "A CSV file of the shop's own categories. Default: TAGGER_TAXONOMY."
