"""Texts in the language of the request, from gettext catalogues that are compiled when they are first needed.

English needs none, so the half of Babel that reads them is imported for the first text in another language.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from review.locale.languages import DEFAULT, current

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

_FOLDER = Path(__file__).parent
_SHOWN_BY_SCRIPTS = (".js", "vocabulary.py")


def gettext(text: str) -> str:
    """Translate a text."""
    return _translations(current()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """Translate a text that depends on a number."""
    return _translations(current()).ngettext(one, many, count)


def words(value: str | None) -> str:
    """Say a value of the catalogue, as the reason `low_confidence`, in words."""
    return gettext((value or "").replace("_", " ")) if value else ""


def script_texts() -> dict[str, str | list[str]]:
    """Return the texts that scripts show, by their English; those with a number have both forms."""
    return {} if current() == DEFAULT else _script_texts(current())


@cache
def _script_texts(language: str) -> dict[str, str | list[str]]:
    texts: dict[str, str | list[str]] = {}
    for message in catalogue(language):
        if not any(path.endswith(_SHOWN_BY_SCRIPTS) for path, _ in message.locations):
            continue
        if isinstance(message.id, str) and isinstance(message.string, str) and message.string:
            texts[message.id] = message.string
        elif isinstance(message.string, tuple | list) and all(message.string):
            texts[message.id[0]] = list(message.string)
    return texts


@cache
def catalogue(language: str) -> Catalog:
    """Read a language's catalogue."""
    from babel.messages.pofile import read_po

    with (_FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def _translations(language: str) -> NullTranslations:
    if language == DEFAULT:
        return NullTranslations()
    from babel.messages.mofile import write_mo

    compiled = BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)
