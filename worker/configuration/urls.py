"""URLs in settings: checked, and shown without what is secret in them. No message quotes a part of one."""

import re
from importlib.util import find_spec
from urllib.parse import parse_qs, unquote_plus, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

_PASSWORD = re.compile(r"(//[^:@]*:).*@", re.DOTALL)
_PARAMETER = re.compile(r"([?&;]([^=&?;]*)=)((?:(?!&[^=&]*=).)*)", re.DOTALL)
_SECRET = re.compile(r"pass(?!file)|pwd|secret|token|credential|signature|(api|access)_?key", re.IGNORECASE)
_DRIVERS = {"sqlite": "sqlite3", "pysqlite": "sqlite3", "postgresql": "psycopg", "psycopg": "psycopg"}
_ENCODED = "in a password write %40 for @, %2F for /, %3A for :, %3F for ? and %23 for #"
_CERTIFICATES = {"none", "optional", "required", "CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED"}


def check_database_url(url: str) -> None:
    """Raise ValueError for a URL that SQLAlchemy misreads, or whose driver is another or is not installed."""
    try:
        drivername = make_url(url).drivername
    except (ArgumentError, ValueError):
        raise ValueError(
            f"not a database URL; write sqlite:///tagger.db or postgresql+psycopg://user@host/database; {_ENCODED}"
        ) from None
    driver = _DRIVERS.get(drivername.rpartition("+")[2])
    if driver is None or drivername.partition("+")[0] not in ("sqlite", "postgresql"):
        raise ValueError(f"{drivername} was never tried; write sqlite:///… or postgresql+psycopg://…")
    if find_spec(driver) is None:
        raise ValueError(f"the driver {driver} is not installed: pip install '{driver}[binary]'")
    if driver == "psycopg" and url.partition("?")[0].count("@") > 1:
        raise ValueError(f"it has more than one @; {_ENCODED}")


def check_broker_url(url: str) -> None:
    """Raise ValueError for a URL that kombu cannot read, or misreads."""
    if url.startswith("sentinel://") or ";" in url:
        raise ValueError("write the one address that follows the master: of a proxy, or a name; not of sentinels")
    if not re.match(r"^(memory|rediss?)://", url):
        raise ValueError("write memory:// or redis://host:6379/0")
    wrong = ValueError(f"not a broker URL; write redis://:password@host:6379/0; {_ENCODED}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        raise wrong from None
    in_password = "@" in parts.netloc.rpartition("@")[0] or "@" in parts.path + parts.query + parts.fragment
    if in_password or not re.fullmatch(r"(/\d*)?", parts.path):
        raise wrong
    options = parse_qs(parts.query)
    if not set(options.get("ssl_cert_reqs", ())) <= _CERTIFICATES:
        raise ValueError("ssl_cert_reqs is none, optional or required")


def hide_password(url: str) -> str:
    """Replace any password or other secret in a URL by stars, in its query, too. In doubt it hides too much."""
    return _PASSWORD.sub(r"\1***@", _hide_parameters(url))


def _hide_parameters(text: str) -> str:
    def hide(match: re.Match[str]) -> str:
        return match[1] + ("***" if _SECRET.search(unquote_plus(match[2])) else _hide_parameters(match[3]))

    return _PARAMETER.sub(hide, text)
