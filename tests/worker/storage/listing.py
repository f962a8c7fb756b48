"""Words that both stores' tests use."""

from worker.storage.store import Store, StoredObject


def listed(store: Store, after: str = "") -> list[StoredObject]:
    """The whole listing."""
    return [found for page in store.list_pages(after) for found in page]


def keys_of(store: Store, after: str = "") -> list[str]:
    """The keys of the whole listing."""
    return [found.key for found in listed(store, after)]
