"""Whether a database that nobody can connect to is away for a while, or refuses us; and whether a connection lives."""

import select
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError

LONG_IDLE_S = 30.0
"""After which a firewall may have forgotten a connection, and tells nobody."""

# What libpq and the server say while nobody can connect; a failed connection has no SQLSTATE.
_AWAY = (
    "connection refused",
    "connection reset",
    "closed the connection",
    "timed out",
    "timeout expired",
    "unreachable",
    "no route to host",
    "could not translate host name",  # in a compose network, of a server that is stopped
    "failed to resolve host",
    "no such file or directory",  # the socket of a server that is stopped
    "starting up",
    "shutting down",
    "not yet accepting connections",
    "recovery mode",
)


def is_away(error: DBAPIError) -> bool:
    """Tell whether the database does not answer yet, or no more. One that refuses us answers."""
    message = str(error.orig).lower()
    return isinstance(error, OperationalError) and any(words in message for words in _AWAY)


def replace_dead(engine: Engine) -> None:
    """Have PostgreSQL asked for a sign of life before a connection of the pool is used that may have ended meanwhile.

    The end of a connection, as the server or the network tells it, waits in its socket, where it is seen without a
    round trip. To ask each time, as `pool_pre_ping` does, costs one a transaction.
    """

    @event.listens_for(engine, "checkin")
    def note(_: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _: Any) -> None:
        idle_since = record.info.get("idle_since")
        if idle_since is None or not (_has_news(connection) or time.monotonic() - idle_since > LONG_IDLE_S):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError(str(error)) from error


def _has_news(connection: Any) -> bool:
    """Tell whether anything has come while a connection was idle: its end, most likely, or a notice."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
