"""Labelled photographs: of a folder, of a table with keys in any store, or as people categorized the catalogue."""

from collections.abc import Callable, Mapping
from pathlib import Path

from db.review.human_tags import human_tags
from db.session import Sessions, reading
from model.data import tables
from model.data.photographs import DataUnusable, Photograph, of_folder
from model.data.products import product_of
from model.images.decoding import ImageRejected
from worker.bootstrap import Stores, source_store
from worker.settings import Settings
from worker.storage.store import AccessDenied, ChangedDuringRead, ImageNotFound, NotAFile, Store, TooLarge

CATALOGUE = "catalogue"


def is_table(data: str) -> bool:
    """Return whether `data` names a table rather than a folder or the catalogue."""
    path = Path(data)
    return data != CATALOGUE and tables.is_table(path) and not path.is_dir()


def is_folder(data: str) -> bool:
    """Return whether `data` names a folder that exists."""
    return data != CATALOGUE and Path(data).is_dir()


def open_photographs(
    data: str,
    images: str | None,
    settings: Settings,
    *,
    open_catalogue: Callable[[], Sessions],
    announce: Callable[[str], None] = lambda _: None,
) -> list[Photograph]:
    """List the photographs of a folder, of a table, or with the word CATALOGUE those that people categorized.

    A table's keys are in the folder or bucket `images`, or else beside the table. Bytes are read on demand. Raises
    DataUnusable, and StorageError for a store that cannot be used.
    """
    if is_table(data):
        return _of_table(Path(data), images, settings, announce)
    if data == CATALOGUE:
        return _of_catalogue(open_catalogue(), settings)
    return of_folder(Path(data), settings.product_pattern)


def _of_table(table: Path, images: str | None, settings: Settings, announce: Callable[[str], None]) -> list[Photograph]:
    """List the store once, as reading needs the versions of its objects."""
    store = source_store(settings, _as_folder(images or str(table.parent)))
    versions: dict[str, str] = {}
    photographs = tables.of_table(
        table, lambda key: _reader(store, store.prefix + key, versions, settings), settings.product_pattern
    )
    keys = {store.prefix + photograph.name for photograph in photographs}
    announce(f"listing {images or table.parent} …")
    versions |= {
        listed.key: listed.version_token for page in store.list_pages() for listed in page if listed.key in keys
    }
    return photographs


def _as_folder(images: str) -> str:
    """Make `s3://bucket/photos` mean the folder, not every key with this prefix."""
    inside = images.lower().startswith("s3://") and images.count("/") > 2
    return images.rstrip("/") + "/" if inside else images


def _of_catalogue(sessions: Sessions, settings: Settings) -> list[Photograph]:
    with reading(sessions) as session:
        tags = human_tags(session)
    if not tags:
        raise DataUnusable("nobody has categorized an image in the catalogue yet: name a folder or a table")
    stores, several = Stores(settings), len({tag.bucket for tag in tags}) > 1
    return [
        Photograph(
            f"{tag.bucket}/{tag.key}" if several else tag.key,
            tag.category,
            _reader(stores(tag.bucket), tag.key, {tag.key: tag.version_token}, settings),
            product=tag.product_id or product_of(tag.key, settings.product_pattern),
        )
        for tag in tags
    ]


def _reader(store: Store, key: str, versions: Mapping[str, str], settings: Settings) -> Callable[[], bytes]:
    """Return a function that reads one object.

    A fault of this object alone becomes ImageRejected; a fault of the whole store stays a StorageError.
    """

    def read() -> bytes:
        if key not in versions:
            raise ImageRejected("not_found", f"{key} is not in {store.bucket}")
        try:
            return store.read(key, versions[key], max_bytes=settings.max_image_bytes)
        except (AccessDenied, ChangedDuringRead, ImageNotFound, NotAFile, TooLarge) as error:
            raise ImageRejected(error.reason, str(error)) from error

    return read
