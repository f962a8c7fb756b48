"""A shop's own categories: a tree, with the other names that each goes by and its titles by language."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from model.decisions import taxonomy_file
from model.decisions.categories import plain
from model.decisions.taxonomy_file import Category, TaxonomyWrong, wrong

__all__ = ["Category", "Taxonomy", "TaxonomyWrong"]


@dataclass(frozen=True)
class Taxonomy:
    """Categories in the order of the file, whose parents are all among them, without a cycle.

    Names are the same if their letters and digits are, in any case (model.decisions.categories.plain).
    """

    path: Path
    languages: tuple[str, ...]
    categories: tuple[Category, ...]

    @classmethod
    def read(cls, path: Path) -> "Taxonomy":
        """From a CSV file (model.decisions.taxonomy_file). Raises TaxonomyWrong."""
        languages, rows = taxonomy_file.read(path)
        names = _names(path, rows)
        _check_synonyms(path, names)
        categories = tuple(replace(each, parent=_parent(path, each, names)) for each in rows)
        _check_cycles(path, categories)
        return cls(path, languages, categories)

    def resolve(self, name: str) -> str | None:
        """The category of that name or with that synonym; None where there is none."""
        return self._known.get(plain(name))

    def meant_by(self, word: str) -> str | None:
        """The category that a person means: by its name, a synonym, or a title that only one category has."""
        titled = self._titled.get(plain(word), [])
        return self.resolve(word) or (titled[0] if len(titled) == 1 else None)

    def above(self, category: str) -> tuple[str, ...]:
        """The parent, its parent and so on. Raises KeyError for a name that is no category's own."""
        return tuple(_upwards(category, {each.name: each.parent for each in self.categories}))

    def speaks(self, language: str) -> bool:
        """Are there titles in the language, or in a wider one (de for de-CH)?"""
        return any(tag in self.languages for tag in _wider(language))

    def title(self, name: str, language: str) -> str:
        """In the language, or the nearest wider one; without any, or for a name unknown here, the name itself.

        What a synonym names has the title of its category.
        """
        category = self.resolve(name)
        titles = self._titles.get(category, {}) if category else {}
        found = (titles[tag] for tag in _wider(language) if tag in titles)
        return next(found, category or name)

    def like(self, name: str) -> list[str]:
        """Categories that may be meant by a name that is none."""
        close = difflib.get_close_matches(plain(name), list(self._known))
        return list(dict.fromkeys(self._known[each] for each in close))

    @cached_property
    def _known(self) -> Mapping[str, str]:
        return {plain(name): each.name for each in self.categories for name in (each.name, *each.synonyms)}

    @cached_property
    def _titles(self) -> Mapping[str, Mapping[str, str]]:
        return {each.name: each.titles for each in self.categories}

    @cached_property
    def _titled(self) -> Mapping[str, Sequence[str]]:
        """The categories by their titles in any language."""
        found: dict[str, list[str]] = defaultdict(list)
        for each in self.categories:
            for title in {plain(title) for title in each.titles.values()}:
                found[title].append(each.name)
        return found


def _names(path: Path, rows: Iterable[Category]) -> dict[str, Category]:
    names: dict[str, Category] = {}
    for each in rows:
        first = names.setdefault(plain(each.name), each)
        if first is not each:
            raise wrong(path, each.line, f"{each.name!r} is {first.name!r} of line {first.line} again: keep one row")
    return names


def _check_synonyms(path: Path, names: Mapping[str, Category]) -> None:
    owners = dict(names)
    for each in names.values():
        for synonym in each.synonyms:
            owner = owners.setdefault(plain(synonym), each)
            if owner is not each:
                meant = f"{synonym!r} stands for {owner.name!r} of line {owner.line} already"
                raise wrong(path, each.line, f"{meant}: keep it at one of them")


def _parent(path: Path, category: Category, names: Mapping[str, Category]) -> str | None:
    """As it is written in its own row."""
    if category.parent is None:
        return None
    found = names.get(plain(category.parent))
    if found is None:
        close = [names[each].name for each in difflib.get_close_matches(plain(category.parent), list(names))]
        meant = f"write {' or '.join(close)}" if close else "correct it, or give it a row"
        raise wrong(path, category.line, f"the parent {category.parent!r} is no category of this file: {meant}")
    return found.name


def _check_cycles(path: Path, categories: Sequence[Category]) -> None:
    parents = {each.name: each.parent for each in categories}
    for each in categories:
        seen = [each.name]
        for name in _upwards(each.name, parents):
            if name in seen:
                way = " -> ".join([*seen[seen.index(name) :], name])
                raise wrong(path, each.line, f"parents go round in a circle ({way}): leave one parent empty")
            seen.append(name)


def _upwards(name: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    parent = parents[name]
    while parent is not None:
        yield parent
        parent = parents[parent]


def _wider(language: str) -> Iterator[str]:
    """A language tag, then what is left of it from the right (the lookup of RFC 4647, section 3.4)."""
    parts = language.lower().split("-")
    yield from ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
