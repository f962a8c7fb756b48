"""The object store: list pages after a key, read one version whole, presign; a folder and any S3 server.

Nothing of boto3, botocore or `OSError` leaves this package: a caller sees `StoredObject`, bytes and the
errors below. Two of them are about one image (`reason` says which), one about the store for now
(`StoreUnavailable`: try again later), one about the store until somebody acts (`StoreMisconfigured`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from worker import WorkerError

PAGE_KEYS = 1000
"""Keys in a page at most; the most an S3 server gives in one answer."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One listed object: `size` in bytes, `last_modified` aware and in UTC.

    `version_token` changes whenever the bytes may have: `etag:size` on S3, `size+mtime_ns` in a folder.
    """

    key: str
    version_token: str
    size: int
    last_modified: datetime


class StorageError(WorkerError):
    """Why bytes could not be had; `reason` is the one recorded for the image, the message has the remedy."""

    reason: ClassVar[str] = "store_unavailable"


class ImageNotFound(StorageError):
    """The object is gone, or its key leads out of the store."""

    reason = "not_found"


class AccessDenied(StorageError):
    """These credentials (or this user) may list, but not read this one object."""

    reason = "access_denied"


class TooLarge(StorageError):
    """More bytes than `max_bytes`; none or few of them were read."""

    reason = "too_large"


class ChangedDuringRead(StorageError):
    """The bytes are no longer those of the version asked for; the next scan lists the new one."""

    reason = "changed_during_read"


class NotAFile(StorageError):
    """The entry can hold no image: a link to a directory or to nothing, a pipe, a socket, a device."""

    reason = "unsupported_format"


class StoreUnavailable(StorageError):
    """For now: 5xx, SlowDown, time-outs, connections that fail, streams that are cut or drip. Try again."""


class StoreMisconfigured(StorageError):
    """The whole store, until somebody acts: no such bucket or folder, wrong credentials, malformed source."""


class Store(Protocol):
    """What the scan and the workers need of an object store. Safe to share between a process's threads."""

    @property
    def bucket(self) -> str:
        """The bucket's name; for a folder its `file:///absolute/path`."""

    @property
    def prefix(self) -> str:
        """What listed keys begin with ("" for a folder). Keys stay whole."""

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        """Pages of at most 1,000 objects with keys > `after`, in the order of the keys' UTF-8 bytes.

        Raises StoreUnavailable and StoreMisconfigured; whoever catches the first continues after the
        last key it got.
        """

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        """Exactly the bytes of that version, whole, or one of this module's errors."""

    def presign(self, key: str, *, expires_s: int = 3600) -> str:
        """A URL that a browser can open; for a folder a `file://` one, which does not expire."""

    def check(self) -> None:
        """One cheap request; raises StoreMisconfigured or StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach an S3 server; credentials left None come from boto3's own chain.

    `deadline_s` bounds one object's bytes from the first to the last, retries included; `io_threads` is
    how many threads of a process read at once.
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    io_threads: int = 4
    connect_timeout_s: float = 3
    read_timeout_s: float = 10
    deadline_s: float = 30


# The two implementations import this module, and boto3 is heavy: each is imported when one is opened.
