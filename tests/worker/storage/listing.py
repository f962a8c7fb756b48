"""Words that both stores' tests use."""

from worker.storage.store import Store, StoredObject


def listed(store: Store, after: str = "") -> list[StoredObject]:
    """Return the whole listing."""
    return [stored for page in store.list_pages(after) for stored in page]


def keys_of(store: Store, after: str = "") -> list[str]:
    """Return the keys of the whole listing."""
    return [stored.key for stored in listed(store, after)]
