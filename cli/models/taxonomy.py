"""`tagger model taxonomy`: is a file of the shop's own categories sound, and where do a bundle's categories go?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import NAMED, AsJson, Bundles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model.bundle import Bundle
    from model.decisions.taxonomy import Taxonomy

Row = dict[str, Any]
_INDENT = "  "


def register(app: typer.Typer) -> None:
    """Add the verb to `tagger model`."""
    app.command(epilog="Example: tagger model taxonomy samples/taxonomy.csv fashion-mnist")(taxonomy)


def taxonomy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file of the shop's own categories.")],
    bundle: Annotated[str | None, typer.Argument(help=NAMED)] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show a shop's own categories as a tree, with titles, and which of a bundle's go where; or what is wrong."""
    from model.decisions.category_mapping import CategoryMapping
    from model.decisions.taxonomy import Taxonomy, TaxonomyWrong

    chosen = _bundle(bundle, bundles)
    rows: list[Row] = []
    error = None
    try:
        found = Taxonomy.read(file)
        rows = [*_rows(found, chosen.categories)]
        CategoryMapping.from_taxonomy(found, chosen.categories)
    except TaxonomyWrong as wrong:
        error = str(wrong)
    if as_json:
        told = {"file": str(file), "model": chosen.id, "error": error, "categories": rows}
        print(json.dumps(told, ensure_ascii=False))
    else:
        for line in _lines(rows, chosen):
            print(line)
    if error is not None:
        print(f"tagger: {error}", file=sys.stderr)
        raise typer.Exit(1)


def _bundle(reference: str | None, bundles: list[Path] | None) -> Bundle:
    from cli.context import bundle_folder, load_settings
    from model.bundle import read

    return read(bundle_folder(load_settings(model=reference), bundles))


def _rows(taxonomy: Taxonomy, categories: Sequence[str]) -> Iterator[Row]:
    """A category each, those below one after it, in the order of the file."""
    below: dict[str | None, list[Row]] = {}
    for each in taxonomy.categories:
        row = {
            "category": each.name,
            "parent": each.parent,
            "level": len(taxonomy.above(each.name)),
            "synonyms": list(each.synonyms),
            "titles": dict(each.titles),
            "from_bundle": [name for name in categories if taxonomy.resolve(name) == each.name],
        }
        below.setdefault(each.parent, []).append(row)

    def walk(parent: str | None) -> Iterator[Row]:
        for row in below.get(parent, []):
            yield row
            yield from walk(row["category"])

    return walk(None)


def _lines(rows: Sequence[Row], bundle: Bundle) -> Iterator[str]:
    names = [_INDENT * row["level"] + row["category"] for row in rows]
    titles = [" · ".join(f"{language} {title}" for language, title in row["titles"].items()) for row in rows]
    wide, wider = (max(map(len, column), default=0) for column in (names, titles))
    for row, name, title in zip(rows, names, titles, strict=True):
        source = f"<- {', '.join(row['from_bundle'])}" if row["from_bundle"] else ""
        yield f"{name:<{wide}}  {title:<{wider}}  {source}".rstrip()
    if rows:
        placed = sum(len(row["from_bundle"]) for row in rows)
        yield f"{len(rows)} categories; {placed} of the {len(bundle.categories)} of {bundle.id} have their place"
