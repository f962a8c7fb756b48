"""Connections to the catalogue: SQLite with WAL and BEGIN IMMEDIATE, or PostgreSQL.

Functions elsewhere in `db` take a Session and never commit; entry points write `with sessions.begin() as session:`.
"""

import os
import random
import sqlite3
import ssl
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Dialect, Engine, Table, bindparam, create_engine, event, func, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

from db import CatalogueError
from db.availability import replace_dead
from db.schema.columns import Base, UtcTime

Sessions = sessionmaker[Session]
T = TypeVar("T")

_RETRYABLE_SQLSTATES = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, a lock that was not to be had
_TIMED_OUT = "57014"  # of a write it may have been a lock's fault, of a read it is the read's own


class CatalogueUnavailable(CatalogueError):
    """The database cannot be reached or refuses us; the message says what to check."""


def connect(url: str, *, pool_size: int = 5, pooled: bool = True, read_only: bool = False) -> Engine:
    """Create an engine for the catalogue, in the process that uses it (no fork). Opens no connection yet.

    With `read_only` an SQLite file is opened without a right to write, wherever it lies, and no lock is taken on it.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, read_only)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed, pool_size, pooled)
    raise CatalogueUnavailable(
        f"TAGGER_DATABASE_URL names {parsed.get_backend_name()!r}; use sqlite:///tagger.db or postgresql+psycopg://user@host/database"
    )


def sessions_of(engine: Engine) -> Sessions:
    return sessionmaker(engine, expire_on_commit=False)


def engine_of(sessions: Sessions) -> Engine:
    engine = sessions.kw["bind"]
    assert isinstance(engine, Engine)
    return engine


def dialect_of(session: Session | Dialect) -> Dialect:
    """Return which database this is: by it statements are kept that are built once and run with many values."""
    return session if isinstance(session, Dialect) else session.get_bind().dialect


def is_sqlite(session: Session | Dialect) -> bool:
    return dialect_of(session).name == "sqlite"


def upsert(session: Session | Dialect, table: Table | type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Start an INSERT that knows ON CONFLICT, which either database has in a dialect of its own."""
    return sqlite.insert(table) if is_sqlite(session) else postgresql.insert(table)


def sql_now(session: Session | Dialect, after_s: float = 0.0) -> ColumnElement[datetime]:
    """Return now plus `after_s` seconds as SQL: by the database's clock on PostgreSQL, by this host's on SQLite.

    It is the time at which the statement runs, and not that at which it was built.
    """
    delay = timedelta(seconds=after_s)
    if is_sqlite(session):
        return bindparam(None, type_=UtcTime(), callable_=lambda: datetime.now(UTC) + delay, unique=True)
    return func.now() + delay if after_s else func.now()


def now(session: Session) -> datetime:
    """Return the present time by the same clock as `sql_now`."""
    if is_sqlite(session):
        return datetime.now(UTC)
    return session.execute(func.now().select()).scalar_one().astimezone(UTC)


def in_transaction(sessions: Sessions, work: Callable[[Session], T], *, attempts: int = 6) -> T:
    """Run `work` in a transaction, and the whole of it again after a deadlock, a time-out or a lost connection.

    A commit whose answer was lost may be run twice, so `work` must be guarded by fences or be idempotent.
    """
    return _with_retries(sessions.begin, work, attempts, {*_RETRYABLE_SQLSTATES, _TIMED_OUT})


def read_with_retry(sessions: Sessions, work: Callable[[Session], T], *, attempts: int = 12) -> T:
    """Read with `work`, and again while the database is away: for about a minute."""
    return _with_retries(lambda: reading(sessions), work, attempts, _RETRYABLE_SQLSTATES)


def _with_retries(
    opened: Callable[[], AbstractContextManager[Session]],
    work: Callable[[Session], T],
    attempts: int,
    sqlstates: Collection[str],
) -> T:
    for attempt in range(attempts):
        try:
            with opened() as session:
                return work(session)
        except DBAPIError as error:
            if attempt == attempts - 1 or not _worth_retrying(error, sqlstates):
                raise
        time.sleep(random.uniform(0.5, 1.5) * min(0.1 * 4**attempt, 5.0))  # noqa: S311 -- jitter, not a secret
    raise AssertionError("the last attempt returns or raises")


def _worth_retrying(error: DBAPIError, sqlstates: Collection[str]) -> bool:
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return (
        error.connection_invalidated
        or sqlstate in sqlstates
        or sqlstate.startswith(("08", "57P"))  # connection exceptions; the server shuts down or starts up
        or (isinstance(error, OperationalError) and not sqlstate and "sqlite" not in type(error.orig).__module__)
    )


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise CatalogueUnavailable(
            "TAGGER_DATABASE_URL is not a database URL; write sqlite:///tagger.db or postgresql+psycopg://user@host/database"
        ) from None


def _sqlite(url: URL, read_only: bool) -> Engine:
    file = Path(url.database) if url.database and url.database != ":memory:" else None
    if file is not None and not file.absolute().parent.is_dir():
        raise CatalogueUnavailable(
            f"the folder of the catalogue {file} does not exist; make it, or set TAGGER_DATABASE_URL"
        )
    options: dict[str, Any] = {"connect_args": {"timeout": 30, "check_same_thread": False}}
    pragmas = ["busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"]
    if read_only and file is not None:
        options, pragmas = {"creator": partial(_open_to_read, file)}, ["busy_timeout=30000", "query_only=ON"]
    engine = create_engine(url, **options).execution_options(read_only=read_only)

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN is deferred, and deferred ones fail under load
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Any) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    @event.listens_for(engine, "handle_error")
    def name_the_file(context: ExceptionContext) -> None:
        if file is not None:
            context.original_exception.add_note(str(file))

    return engine


def _open_to_read(file: Path) -> sqlite3.Connection:
    """Open a catalogue that may belong to somebody else, or lie on a medium that nobody can write to.

    SQLite needs a file beside it to read one with a write-ahead log. Where that cannot be made, and there is no log,
    nobody writes, and the file is read as it is.
    """

    def opened(mode: str) -> sqlite3.Connection:
        address = f"{file.absolute().as_uri()}?{mode}"
        connection = sqlite3.connect(address, uri=True, timeout=30, check_same_thread=False)
        try:
            connection.execute("PRAGMA schema_version")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    log = file.with_name(f"{file.name}-wal")
    for mode in ("mode=rw", "mode=ro"):
        try:
            return opened(mode)
        except sqlite3.OperationalError as error:
            has_log = log.exists() and log.stat().st_size
            if "locked" in str(error) or (mode == "mode=ro" and has_log):
                raise
    return opened("mode=ro&immutable=1")


def _postgresql(url: URL, pool_size: int, pooled: bool) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    url = _verified(url)
    settings = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
    settings += " -c plan_cache_mode=force_custom_plan"  # a plan made before a large scan is wrong after it
    options: dict[str, Any] = {"connect_args": {"connect_timeout": 5, "keepalives_idle": 30, "options": settings}}
    if not pooled:
        return create_engine(url, poolclass=NullPool, **options)
    engine = create_engine(url, pool_size=pool_size, max_overflow=1, pool_recycle=1800, **options)
    replace_dead(engine)
    return engine


def _verified(url: URL) -> URL:
    """Ask for a certificate that can be verified, unless the URL says what it wants or names this very host."""
    hosts = url.query.get("host") or url.host or os.environ.get("PGHOST") or "localhost"
    of_this_host = all(map(_is_here, (hosts,) if isinstance(hosts, str) else hosts))
    if "sslmode" in url.query or "PGSSLMODE" in os.environ or (of_this_host and "sslrootcert" not in url.query):
        return url
    if "sslrootcert" not in url.query:  # the driver's own OpenSSL looks for authorities where none are
        trusted = ssl.get_default_verify_paths()
        os.environ.setdefault("SSL_CERT_FILE", trusted.cafile or trusted.openssl_cafile)
        os.environ.setdefault("SSL_CERT_DIR", trusted.capath or trusted.openssl_capath)
    return url.update_query_dict({"sslmode": "verify-full", "sslrootcert": url.query.get("sslrootcert", "system")})


def _is_here(host: str) -> bool:
    """Tell whether a host is a socket's folder, or a name or address of the loopback interface."""
    return host.startswith(("/", "@", "127.")) or host in {"localhost", "::1"}


def reading(sessions: Sessions) -> Session:
    """Open a session that only reads. On SQLite it takes no write lock, so that it never holds up the workers."""
    return Session(_to_read(engine_of(sessions)), expire_on_commit=False)


@lru_cache(16)
def _to_read(engine: Engine) -> Engine:
    """Give an engine's connections to readers; on PostgreSQL without BEGIN and ROLLBACK, which isolate nothing here."""
    engine = engine.execution_options(read_only=True)
    return engine if is_sqlite(engine.dialect) else engine.execution_options(isolation_level="AUTOCOMMIT")
