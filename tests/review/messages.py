"""The catalogues of the pages' texts: what is to be translated, found by `make messages`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from db.schema import vocabulary
from review.locale.languages import DEFAULT, LANGUAGES

REVIEW = Path(__file__).parent.parent.parent / "review"
_METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract"), ("**.js", "javascript")]
_OPTIONS = {"**.js": {"parse_template_string": "true"}}
_SHOWN = (
    *("PEOPLE_ACTS", "CATALOGUE_ACTS", "RUN_ACTS", "OTHER_ACTS", "ITEM_STATES", "RUN_STATES", "REASONS", "ROLES"),
    *("OUTCOMES", "HOW", "DRAWN"),
)
_REVIEW_REASONS = ("low_confidence", "unlike_training", "coarse", "audit", "model_disagrees")


def template() -> Catalog:
    """Find every text that is to be translated."""
    found = Catalog(fuzzy=False)
    for path, _, text, comments, _ in extract_from_dir(REVIEW, _METHODS, _OPTIONS):
        found.add(text, locations=[(f"review/{path}", 1)], auto_comments=comments)
    for value in values():
        found.add(value.replace("_", " "), locations=[("db/schema/vocabulary.py", 1)])
    return found


def values() -> Iterator[str]:
    """List the values of the catalogue that pages say in words."""
    yield from _REVIEW_REASONS
    for name in _SHOWN:
        yield from getattr(vocabulary, name)


def read(language: str) -> Catalog:
    """Read a language's catalogue."""
    with _path(language).open("rb") as file:
        return read_po(file, locale=language)


def untranslated(catalogue: Catalog) -> list[str]:
    """List the texts without a translation, or with one that is not sure."""
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.id and (message.fuzzy or not _forms(message) or not all(_forms(message)))
    ]


def _forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def update(language: str) -> Catalog:
    """Take what is new into a language's catalogue, and out of it what is said no more."""
    catalogue = read(language)
    catalogue.update(template(), no_fuzzy_matching=True, update_creation_date=False)
    with _path(language).open("wb") as file:
        write_po(file, catalogue, width=110, include_lineno=False, sort_by_file=True, ignore_obsolete=True)
    return catalogue


def _path(language: str) -> Path:
    return REVIEW / "locale" / f"{language}.po"


if __name__ == "__main__":
    for language in LANGUAGES:
        if language != DEFAULT:
            missing = untranslated(update(language))
            print(f"{language}: {len(missing)} to be translated", *missing, sep="\n  ")
