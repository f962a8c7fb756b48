"""URLs in settings: shown without what is secret in them."""

import re
from urllib.parse import unquote_plus

_PASSWORD = re.compile(r"(//[^:@]*:).*@", re.DOTALL)
_PARAMETER = re.compile(r"([?&;]([^=&?;]*)=)((?:(?!&[^=&]*=).)*)", re.DOTALL)
_SECRET = re.compile(r"pass(?!file)|pwd|secret|token|credential|signature|(api|access)_?key", re.IGNORECASE)


def hide_password(url: str) -> str:
    """Replace any password or other secret in a URL by stars, in its query, too. In doubt it hides too much."""
    return _PASSWORD.sub(r"\1***@", _hide_parameters(url))


def _hide_parameters(text: str) -> str:
    def hide(match: re.Match[str]) -> str:
        return match[1] + ("***" if _SECRET.search(unquote_plus(match[2])) else _hide_parameters(match[3]))

    return _PARAMETER.sub(hide, text)
