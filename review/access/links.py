"""Addresses signed for a short time, by which a browser fetches large pictures from the store itself."""

from urllib.parse import urlsplit

from worker.bootstrap import Stores
from worker.settings import Settings
from worker.storage.store import StorageError


class Links:
    """Signs for the stores that share the address of the one in TAGGER_SOURCE, which the pages' policy names."""

    def __init__(self, settings: Settings, stores: Stores, valid_s: int) -> None:
        self._stores, self.valid_s = stores, valid_s
        self.origin = _origin(stores(urlsplit(settings.source or "").netloc).presign("any", expires_s=valid_s))

    def to(self, bucket: str, key: str) -> str | None:
        """Return a signed address of an image; None if its store is elsewhere, or cannot sign."""
        try:
            address = self._stores(bucket).presign(key, expires_s=self.valid_s)
        except StorageError:
            return None
        return address if _origin(address) == self.origin else None


def links_of(settings: Settings, stores: Stores) -> Links | None:
    """Return what signs addresses; None unless the settings ask for it and the source is a bucket."""
    if settings.image_links_s is None or not (settings.source or "").startswith("s3://"):
        return None
    return Links(settings, stores, settings.image_links_s)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
