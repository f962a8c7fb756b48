"""`tagger model taxonomy`: check a shop's own categories, and show how a bundle's categories map to them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import load_settings, named_bundle
from cli.options import NAMED, AsJson, Bundles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model.bundle import Bundle
    from model.decisions.taxonomy import Taxonomy

Row = dict[str, Any]
_INDENT = "  "


def taxonomy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file of the shop's own categories.")],
    bundle: Annotated[str | None, typer.Argument(help=NAMED)] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show a shop's own categories as a tree, with titles and the bundle's categories they cover; or what is wrong."""
    from model.decisions.category_mapping import CategoryMapping
    from model.decisions.taxonomy import Taxonomy, TaxonomyWrong

    chosen = named_bundle(load_settings(model=bundle), bundles)
    rows: list[Row] = []
    problem = None
    try:
        shop = Taxonomy.read(file)
        rows = [*_rows(shop, chosen.categories)]
        CategoryMapping.from_taxonomy(shop, chosen.categories)
    except TaxonomyWrong as error:
        problem = str(error)
    if as_json:
        result = {"file": str(file), "model": chosen.id, "error": problem, "categories": rows}
        print(json.dumps(result, ensure_ascii=False))
    else:
        for line in _lines(rows, chosen):
            print(line)
    if problem is not None:
        print(f"tagger: {problem}", file=sys.stderr)
        raise typer.Exit(1)


def _rows(taxonomy: Taxonomy, categories: Sequence[str]) -> Iterator[Row]:
    """List the categories, each followed by those below it, in the order of the file."""
    children: dict[str | None, list[Row]] = {}
    for category in taxonomy.categories:
        row = {
            "category": category.name,
            "parent": category.parent,
            "level": len(taxonomy.above(category.name)),
            "synonyms": list(category.synonyms),
            "titles": dict(category.titles),
            "from_bundle": [name for name in categories if taxonomy.resolve(name) == category.name],
        }
        children.setdefault(category.parent, []).append(row)

    def walk(parent: str | None) -> Iterator[Row]:
        for row in children.get(parent, []):
            yield row
            yield from walk(row["category"])

    return walk(None)


def _lines(rows: Sequence[Row], bundle: Bundle) -> Iterator[str]:
    names = [_INDENT * row["level"] + row["category"] for row in rows]
    titles = [" · ".join(f"{language} {title}" for language, title in row["titles"].items()) for row in rows]
    name_width, title_width = (max(map(len, column), default=0) for column in (names, titles))
    for row, name, title in zip(rows, names, titles, strict=True):
        source = f"<- {', '.join(row['from_bundle'])}" if row["from_bundle"] else ""
        yield f"{name:<{name_width}}  {title:<{title_width}}  {source}".rstrip()
    if rows:
        mapped = sum(len(row["from_bundle"]) for row in rows)
        yield f"{len(rows)} categories; {mapped} of the {len(bundle.categories)} of {bundle.id} are mapped"
