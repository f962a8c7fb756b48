"""A bucket or folder that was deleted: its images are gone once somebody says so, and not before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.db.catalogues import Catalogue
from tests.faults.s3_server import LISTING, Fault, FaultyS3
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import present, scan
from tests.worker.storage.impatient import opened
from worker.storage.open import open_source
from worker.storage.store import S3Options, Store, StoredObject, StoreGone


@dataclass
class Vanishing(Shelf):
    """A store that is deleted after its first page was listed."""

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        yield next(super().list_pages(after))
        raise StoreGone("no such bucket")


@pytest.fixture(params=["folder", "bucket"])
def deletable(request: pytest.FixtureRequest, photos_folder: Path) -> Iterator[tuple[Store, Callable[[], None]]]:
    """Yield a store of three images, and what deletes it."""
    if request.param == "folder":
        yield open_source(str(photos_folder), S3Options()), lambda: shutil.rmtree(photos_folder)
        return
    with FaultyS3() as server:
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            server.put(name, name.encode())
        gone = [Fault(status=404, code="NoSuchBucket")] * 50
        yield opened(server.url), lambda: server.script(LISTING, *gone)


def test_the_images_of_a_deleted_store_go_when_somebody_says_so(
    catalogue: Catalogue, deletable: tuple[Store, Callable[[], None]]
) -> None:
    store, delete = deletable
    scan(catalogue, store)  # type: ignore[arg-type]
    delete()
    with pytest.raises(StoreGone, match="--allow-mass-removal"):
        scan(catalogue, store)  # type: ignore[arg-type]
    kept = present(catalogue)

    scanned = scan(catalogue, store, allow_mass_removal=True)  # type: ignore[arg-type]

    assert kept.keys() == {"a.jpg", "b.jpg", "c.jpg"}
    assert (scanned.seen, scanned.gone) == (0, 3)
    assert present(catalogue) == {}
    assert catalogue.states() == dict.fromkeys(kept, "skipped")
    assert catalogue.violations() == []


def test_a_store_that_vanishes_while_it_is_listed_has_lost_nothing(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdef")
    scan(catalogue, shelf)

    with pytest.raises(StoreGone):
        scan(catalogue, Vanishing(shelf.tokens), allow_mass_removal=True)

    assert present(catalogue).keys() == set("abcdef")
