"""Whether a database that nobody can connect to is away for a while, or refuses us."""

from sqlalchemy.exc import DBAPIError, OperationalError

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
