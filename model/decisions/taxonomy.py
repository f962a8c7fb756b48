"""The taxonomy of a shop: its own categories as a tree, with their synonyms and their titles by language."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from model.decisions import taxonomy_file
from model.decisions.categories import plain
from model.decisions.taxonomy_file import Category as Category, TaxonomyWrong as TaxonomyWrong, wrong


@dataclass(frozen=True)
class Taxonomy:
    """Categories in the order of their file; their parents are all among them, without a cycle.

    Names are the same if their letters and digits are, in any case (model.decisions.categories.plain).
    """

    path: Path
    languages: tuple[str, ...]
    categories: tuple[Category, ...]

    @classmethod
    def read(cls, path: Path) -> "Taxonomy":
        """Read a CSV file (model.decisions.taxonomy_file). Raises TaxonomyWrong."""
        languages, rows = taxonomy_file.read(path)
        names = _names(path, rows)
        _check_synonyms(path, names)
        categories = tuple(replace(category, parent=_parent(path, category, names)) for category in rows)
        _check_cycles(path, categories)
        return cls(path, languages, categories)

    def resolve(self, name: str) -> str | None:
        """Return the category of that name or with that synonym; None where there is none."""
        category = self._known.get(plain(name))
        return category.name if category else None

    def above(self, category: str) -> tuple[str, ...]:
        """Return the parent, its parent and so on. Raises KeyError for a name that is no category's own."""
        return tuple(_upwards(category, _parents(self.categories)))

    def speaks(self, language: str) -> bool:
        """Tell whether there are titles in the language, or in a wider one (de for de-CH)."""
        return any(tag in self.languages for tag in _wider(language))

    def title(self, name: str, language: str) -> str:
        """Return the title in the language, or in the nearest wider one, or else the name itself.

        A synonym has the title of its category.
        """
        category = self._known.get(plain(name))
        if category is None:
            return name
        return next((category.titles[tag] for tag in _wider(language) if tag in category.titles), category.name)

    def like(self, name: str) -> list[str]:
        """List categories that may be meant by a name that is none."""
        close = difflib.get_close_matches(plain(name), list(self._known))
        return list(dict.fromkeys(self._known[name].name for name in close))

    @cached_property
    def _known(self) -> Mapping[str, Category]:
        return {plain(name): category for category in self.categories for name in (category.name, *category.synonyms)}


def _names(path: Path, rows: Iterable[Category]) -> dict[str, Category]:
    names: dict[str, Category] = {}
    for category in rows:
        first = names.setdefault(plain(category.name), category)
        if first is not category:
            again = f"{category.name!r} is {first.name!r} of line {first.line} again"
            raise wrong(path, category.line, f"{again}: keep one row")
    return names


def _check_synonyms(path: Path, names: Mapping[str, Category]) -> None:
    owners = dict(names)
    for category in names.values():
        for synonym in category.synonyms:
            owner = owners.setdefault(plain(synonym), category)
            if owner is not category:
                taken = f"{synonym!r} stands for {owner.name!r} of line {owner.line} already"
                raise wrong(path, category.line, f"{taken}: keep it at one of them")


def _parent(path: Path, category: Category, names: Mapping[str, Category]) -> str | None:
    """Return the parent's name as it is written in the parent's own row."""
    if category.parent is None:
        return None
    parent = names.get(plain(category.parent))
    if parent is None:
        close = [names[name].name for name in difflib.get_close_matches(plain(category.parent), list(names))]
        remedy = f"write {' or '.join(close)}" if close else "correct it, or give it a row"
        raise wrong(path, category.line, f"the parent {category.parent!r} is no category of this file: {remedy}")
    return parent.name


def _check_cycles(path: Path, categories: Sequence[Category]) -> None:
    parents = _parents(categories)
    for category in categories:
        seen = [category.name]
        for name in _upwards(category.name, parents):
            if name in seen:
                way = " -> ".join([*seen[seen.index(name) :], name])
                raise wrong(path, category.line, f"parents go round in a circle ({way}): leave one parent empty")
            seen.append(name)


def _parents(categories: Sequence[Category]) -> Mapping[str, str | None]:
    return {category.name: category.parent for category in categories}


def _upwards(name: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    parent = parents[name]
    while parent is not None:
        yield parent
        parent = parents[parent]


def _wider(language: str) -> Iterator[str]:
    """Shorten a language tag from the right, beginning with the whole (the lookup of RFC 4647, section 3.4)."""
    parts = language.lower().split("-")
    yield from ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
