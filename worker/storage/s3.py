"""S3 servers through boto3: listing by StartAfter, one version read whole, errors translated.

Every rule here answers a fault that was measured: `Body.read(n)` returns a cut body without an error, nobody
retries errors while streaming, a server that drips single bytes defeats the socket's time-out, and default
checksums break servers other than AWS.
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from urllib.parse import quote

from urllib3.exceptions import HTTPError

from worker.storage.ignore import Ignored, is_below_ignored, take_all
from worker.storage.s3_client import Connection, connect
from worker.storage.s3_errors import BOTO_ERRORS, REACH_IT, image_error, store_error
from worker.storage.s3_keys import askable_key, catalogue_key, key_bytes, start_after
from worker.storage.s3_order import ordered_pages
from worker.storage.store import (
    ChangedDuringRead,
    ImageNotFound,
    KeyNotSupported,
    S3Options,
    StoredObject,
    StoreMisconfigured,
    StoreUnavailable,
    TooLarge,
)

LONGEST_KEY = 1024
"""Bytes, by S3's rules."""
_ATTEMPTS = 3
_READ_BYTES = 1 << 18


class _CutShort(Exception):
    """The stream ended before the version's last byte, or announced another length."""


class S3Store:
    """The objects of one bucket whose keys begin with `prefix`. One client a process, shared by its threads."""

    def __init__(self, bucket: str, prefix: str, options: S3Options, ignored: Ignored = take_all) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.left_out = 0
        self._ignored = ignored
        self._options = options
        self._lock = threading.Lock()
        self._made: Connection | None = None

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        """Yield pages of at most 1,000 objects after the key `after`, without folder markers (`a/` of a byte at most).

        Raises StoreMisconfigured for a server that lists in no order known here.
        """
        may_differ = self._options.endpoint_url is not None  # AWS documents binary order
        for objects in ordered_pages(self._list, self.prefix, after, probe=may_differ):
            _require_prefix(self.prefix, objects)
            page = [stored for stored in objects if not self._leaves_out(stored)]
            self.left_out += len(objects) - len(page)
            if page or not objects:
                yield page

    def find(self, key: str) -> StoredObject | None:
        """Look for one object by a listing of its key, so that all of it is as other listings give it."""
        if not key.startswith(self.prefix) or not 0 < len(key_bytes(key)) <= LONGEST_KEY:
            return None
        try:
            first = self._list(askable_key(key), "", 1)  # what begins with a key comes after that key
        except KeyNotSupported:
            return None
        return first[0] if first and first[0].key == key and not self._leaves_out(first[0]) else None

    def _leaves_out(self, stored: StoredObject) -> bool:
        is_marker = stored.size <= 1 and stored.key.endswith("/")
        return is_marker or is_below_ignored(self._ignored, self.prefix, stored.key)

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        """Return the object's bytes if its ETag and size are still those of `version_token`."""
        etag, _, size_text = version_token.rpartition(":")
        size = int(size_text)
        if size > max_bytes:
            raise TooLarge(f"{key} has {size:,} bytes, allowed are {max_bytes:,}; see TAGGER_MAX_IMAGE_BYTES")
        name = askable_key(key)
        deadline = time.monotonic() + self._options.deadline_s
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._get(name, etag, size, deadline)
            except _CutShort as error:
                if attempt == _ATTEMPTS or time.monotonic() >= deadline:
                    raise StoreUnavailable(f"{key} was cut {attempt} times while read: {error}") from error
            time.sleep(random.uniform(0.5, 1) * 0.1 * 2**attempt)  # noqa: S311 - jitter, no secret
        raise AssertionError("the last attempt returns or raises")

    def presign(self, key: str, *, expires_s: int = 3600) -> str:
        """Return a GET URL signed for `expires_s` seconds."""
        request = {"Params": {"Bucket": self.bucket, "Key": askable_key(key)}, "ExpiresIn": expires_s}
        try:
            return str(self._connection().client.generate_presigned_url("get_object", **request))
        except BOTO_ERRORS as error:
            raise store_error(error, self.bucket) from error

    def check(self) -> None:
        """List one key."""
        self._list(self.prefix, "", 1)

    def _list(self, prefix: str, after: str, keys: int) -> list[StoredObject]:
        """List up to `keys` objects after a key, and a page more where boto3 cannot name that key as a start."""
        start, after_bytes = start_after(after), key_bytes(after)
        request = {"Prefix": prefix, "StartAfter": start}
        while True:
            answer = self._list_page({name: text for name, text in request.items() if text}, keys)
            objects = [_stored(entry) for entry in answer.get("Contents", ())]
            if start.encode() != after_bytes:
                objects = [stored for stored in objects if key_bytes(stored.key) > after_bytes]
            if objects or not answer["IsTruncated"]:
                return objects
            request["ContinuationToken"] = answer.get("NextContinuationToken", "")

    def _list_page(self, request: dict[str, str], keys: int) -> dict[str, Any]:
        """Ask for percent-encoded keys, as XML lacks some characters, and decode them ourselves: not all are UTF-8."""
        whole = {"Bucket": self.bucket, "MaxKeys": keys, "EncodingType": "url", **request}
        try:
            answer: dict[str, Any] = self._connection().client.list_objects_v2(**whole)
        except BOTO_ERRORS as error:
            raise store_error(error, self.bucket) from error
        _require_listing(answer, self.bucket)
        if answer.get("EncodingType") != "url":
            for entry in answer.get("Contents", ()):
                entry["Key"] = quote(entry["Key"])
        return answer

    def _get(self, key: str, etag: str, size: int, deadline: float) -> bytes:
        with self._ask(key, etag) as stream:
            if etag and stream.headers.get("ETag", "").strip('"') != etag:
                # a server that does not know If-Match
                raise ChangedDuringRead(f"{key} is no longer the listed version; the next scan lists the new one")
            announced = stream.headers.get("Content-Length", str(size))
            if announced != str(size):
                raise _CutShort(f"{announced} bytes announced, {size} listed")
            try:
                return _read_body(stream, key, size, deadline)
            except (HTTPError, OSError) as error:
                raise _CutShort(type(error).__name__) from error

    def _ask(self, key: str, etag: str) -> Any:
        """Return the urllib3 response: its `read1` waits for one packet, where StreamingBody.read waits for all."""
        connection = self._connection()
        if key and connection.quick and (stream := connection.quick(key, etag)) is not None:
            return stream
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        try:
            return connection.client.get_object(Bucket=self.bucket, Key=key, **condition)["Body"].__enter__()
        except BOTO_ERRORS as error:
            translated = image_error(error, key, self.bucket)
            if isinstance(translated, ImageNotFound):
                self._list(key, "", 1)  # some servers give the same answer for a bucket that is gone
            raise translated from error

    def _connection(self) -> Connection:
        """Return this process's own connection, as no client survives a fork."""
        with self._lock:
            if self._made is None or self._made.process != os.getpid():
                self._made = connect(self._options, self.bucket)
            return self._made


def _read_body(stream: Any, key: str, size: int, deadline: float) -> bytes:
    """Read to the end of the stream, but at most one byte more than `size` and never past the deadline."""
    parts: list[bytes] = []
    left = size + 1
    while left and (part := stream.read1(min(left, _READ_BYTES))):
        parts.append(part)
        left -= len(part)
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"{key} came too slowly: {size + 1 - left:,} of {size:,} bytes in time")
    if left != 1:
        raise _CutShort(f"{size + 1 - left:,} of {size:,} bytes came")
    return b"".join(parts)


def _require_listing(answer: dict[str, Any], bucket: str) -> None:
    """Refuse an empty answer, or XML about something else, which boto3 takes for an empty bucket."""
    if "IsTruncated" not in answer:
        raise StoreUnavailable(f"bucket {bucket!r} answered a listing with something else; {REACH_IT}")
    if answer["IsTruncated"] and not answer.get("Contents"):
        raise StoreUnavailable(f"bucket {bucket!r} says that more keys follow, but gives none; list it later")


def _require_prefix(prefix: str, objects: list[StoredObject]) -> None:
    """Refuse a prefix that the server takes for another, as SeaweedFS takes `a//` for `a/`: nothing would match."""
    for stored in objects:
        if not stored.key.startswith(prefix):
            raise StoreMisconfigured(
                f"the server lists {stored.key!r} under {prefix!r}; write the prefix as the server spells its keys"
            )


def _stored(entry: dict[str, Any]) -> StoredObject:
    etag = entry.get("ETag", "").strip('"')
    modified = entry["LastModified"].astimezone(UTC)
    return StoredObject(catalogue_key(entry["Key"]), f"{etag}:{entry['Size']}", entry["Size"], modified)
