"""Keys of S3 servers as the catalogue holds them: text that every database can store.

An S3 key is bytes. Bytes that are not UTF-8, and NUL, which PostgreSQL cannot store, are spelt out, reversibly: a mark
and two digits a byte. The mark sorts after all other characters, so that a listing in the order of the bytes meets the
key before its spelling's place; `s3_order` sorts such a listing again. boto3 cannot ask for such a key.
"""

import re
from urllib.parse import unquote_to_bytes

from worker.storage.store import KeyNotSupported

_MARK = "\U0010fffd"
_SPELT = re.compile(f"{_MARK}([0-9a-f]{{2}})")
_UNSTORABLE = re.compile("[\0\udc80-\udcff]")


def catalogue_key(encoded: str) -> str:
    """Turn the percent-encoded key of a listing into the catalogue's."""
    if "%" not in encoded and "+" not in encoded and _MARK not in encoded:
        return encoded
    key = unquote_to_bytes(encoded.replace("+", " ")).decode("utf-8", "surrogateescape")
    if _MARK in key:
        key = key.replace(_MARK, _MARK.encode().decode("ascii", "surrogateescape"))
    return _UNSTORABLE.sub(lambda byte: f"{_MARK}{ord(byte[0]) & 0xFF:02x}", key)


def is_spelt(key: str) -> bool:
    """Tell whether a catalogue's key spells bytes out."""
    return _MARK in key


def key_bytes(key: str) -> bytes:
    """Return the bytes of a catalogue's key."""
    if _MARK not in key:
        return key.encode()
    parts = _SPELT.split(key)
    return b"".join(bytes([int(part, 16)]) if odd % 2 else part.encode() for odd, part in enumerate(parts))


def askable_key(key: str) -> str:
    """Return a catalogue's key as boto3 takes it. Raises KeyNotSupported."""
    if _MARK not in key:
        return key
    raw = key_bytes(key)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise KeyNotSupported(f"the key {raw!r} is not UTF-8; give the object another name") from None
    if "\0" in text:
        raise KeyNotSupported(f"the key {raw!r} has a NUL; give the object another name")
    return text


def start_after(key: str) -> str:
    """Return as much of a catalogue's key as boto3 can name as the start of a listing."""
    raw = key_bytes(key)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        return raw[: error.start].decode()
