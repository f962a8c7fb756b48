"""Passwords, hashed by Argon2id with the parameters that RFC 9106 recommends for little memory."""

from functools import cache
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from review.locale.texts import gettext

SHORTEST = 8
LONGEST = 1024
_at_once = BoundedSemaphore(2)  # each takes 64 MiB


def fault_of(password: str) -> str | None:
    """Say why a password cannot be taken; None if it can. Its length is all that is asked for (NIST SP 800-63B)."""
    if len(password) < SHORTEST:
        return gettext("use at least %(number)s characters; a few words are fine") % {"number": SHORTEST}
    return gettext("use at most %(number)s characters") % {"number": LONGEST} if len(password) > LONGEST else None


def hashed(password: str) -> str:
    """Hash a new password."""
    with _at_once:
        return _hasher().hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Tell whether a password is right. Without a hash to compare with it takes as long, and is wrong."""
    with _at_once:
        try:
            right = _hasher().verify(password[: LONGEST + 1], password_hash or _nobodys())
        except UnknownHashError:
            return False
    return right and password_hash is not None


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")
