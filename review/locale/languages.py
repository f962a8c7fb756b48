"""The language of a request: the one chosen, or else the first that its browser asks for and there is."""

from collections.abc import Iterator
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie

from babel import Locale, UnknownLocaleError, negotiate_locale
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "tagger_language"
LANGUAGES = {"en": "English", "sw": "Kiswahili"}
"""Each in its own name. Texts in the code are English; the others have a catalogue beside this module."""
DEFAULT = "en"
_language: ContextVar[str] = ContextVar("language", default=DEFAULT)


class Language:
    """ASGI middleware that sets the language in which a request is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            use(language_of(Headers(scope=scope)))
        await self._app(scope, receive, send)


def use(language: str) -> None:
    """Answer in a language from here on."""
    _language.set(language)


def current() -> str:
    """Return the language in which this request is answered."""
    return _language.get()


def language_of(headers: Headers) -> str:
    """Choose the language for a request."""
    chosen = _cookie(headers)
    if chosen in LANGUAGES:
        return chosen
    asked = list(_accepted(headers.get("accept-language", "")))
    return negotiate_locale(asked, list(LANGUAGES), sep="-") or DEFAULT


def _cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _accepted(header: str) -> Iterator[str]:
    """List the languages of an Accept-Language header, the best first; what cannot be read is left out."""
    weighted = []
    for part in header[:1000].split(","):
        name, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
            weighted.append((quality, str(Locale.parse(name.strip(), sep="-")).replace("_", "-")))
        except (ValueError, UnknownLocaleError):
            continue
    for quality, name in sorted(weighted, key=lambda pair: -pair[0]):
        if quality > 0:
            yield name
