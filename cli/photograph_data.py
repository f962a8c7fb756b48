"""The labelled photographs that a command names: a folder, a table with images elsewhere, or the catalogue's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from model.data.inspection.inspect import Inspection
    from model.data.photographs import Photograph
    from worker.settings import Settings
    from worker.storage.store import Store

CATALOGUE = "catalogue"
DATA = (
    "A folder with a sub-folder of photographs a category; a CSV or JSON-lines file with key and category; or the word"
    " catalogue: what people said of its images."
)
IMAGES = "For a table: the folder or s3://bucket/prefix that its keys lie in. Default: the table's own folder."


def open_data(data: str, images: str | None, settings: Settings, leave_out: Collection[str] = ()) -> list[Photograph]:
    """The photographs of `data`, as DATA and IMAGES say it, without those of the categories in `leave_out`.

    Their bytes are read when asked for. Raises DataUnusable, typer.BadParameter, and StorageError for a store as a
    whole.
    """
    return open_parted(data, images, settings, leave_out)[0]


def open_parted(
    data: str, images: str | None, settings: Settings, leave_out: Collection[str]
) -> tuple[list[Photograph], list[Photograph]]:
    """The same, and beside them those of the categories in `leave_out`."""
    found = _opened(data, images, settings)
    there = sorted({each.category for each in found})
    for name in leave_out:
        if name not in there:
            message = f"there is no category {name!r}; there are {', '.join(there)}"
            raise typer.BadParameter(message, param_hint="--leave-out")
    kept = [each for each in found if each.category not in leave_out]
    return kept, [each for each in found if each.category in leave_out]


def inspected(
    data: str,
    photographs: Sequence[Photograph],
    settings: Settings,
    leave_out: Collection[str] = (),
    *,
    tell: bool = True,
) -> Inspection:
    """What `inspect` finds on the photographs of `data`; a bar meanwhile, and the findings, on standard error.

    Without `tell` the findings are the caller's to print.
    """
    from cli.progress import counter
    from model.data.inspection import folder_checks
    from model.data.inspection.inspect import inspect

    folder_findings = folder_checks.check_folder(Path(data), leave_out) if _is_folder(data) else []
    with counter("looking at photographs", len(photographs)) as done:
        found = inspect(
            photographs,
            limits=settings.decode_limits,
            folder_findings=folder_findings,
            threads=settings.io_threads,
            report_progress=lambda *_: done(),
        )
    for line in found.lines() if tell else ():
        typer.echo(line, err=True)
    return found


def _opened(data: str, images: str | None, settings: Settings) -> list[Photograph]:
    from model.data.photographs import of_folder
    from model.data.tables import is_table

    path = Path(data)
    if data != CATALOGUE and is_table(path) and not path.is_dir():
        return _of_table(path, images, settings)
    if images is not None:
        raise typer.BadParameter("it goes with a table of keys and categories", param_hint="--images")
    if data == CATALOGUE:
        return _of_catalogue(settings)
    if data.lower().startswith("s3:"):
        message = "a bucket has no categories: name a table of keys and categories, and the bucket with --images"
        raise typer.BadParameter(message, param_hint="DATA")
    return of_folder(path, settings.product_pattern)


def _is_folder(data: str) -> bool:
    return data != CATALOGUE and Path(data).is_dir()


def _of_table(table: Path, images: str | None, settings: Settings) -> list[Photograph]:
    """The store is listed once, as reading takes the versions of the objects."""
    from model.data.tables import of_table
    from worker.bootstrap import source_store

    store = source_store(settings, _as_folder(images or str(table.parent)))
    versions: dict[str, str] = {}
    found = of_table(
        table, lambda key: _reader(store, store.prefix + key, versions, settings), settings.product_pattern
    )
    wanted = {store.prefix + each.name for each in found}
    typer.echo(f"listing {images or table.parent} …", err=True)
    versions |= {each.key: each.version_token for page in store.list_pages() for each in page if each.key in wanted}
    return found


def _as_folder(images: str) -> str:
    """`s3://bucket/photos` is the folder, not every key that begins so."""
    inside = images.lower().startswith("s3://") and images.count("/") > 2
    return images.rstrip("/") + "/" if inside else images


def _of_catalogue(settings: Settings) -> list[Photograph]:
    from cli.context import open_catalogue
    from db.catalogue import human_tags
    from db.session import reading
    from model.data.photographs import DataUnusable, Photograph, product_of
    from worker.bootstrap import Stores

    with reading(open_catalogue(settings)) as session:
        tags = human_tags(session)
    if not tags:
        raise DataUnusable("nobody has said a category of an image in the catalogue yet: name a folder or a table")
    stores, several = Stores(settings), len({each.bucket for each in tags}) > 1
    return [
        Photograph(
            f"{each.bucket}/{each.key}" if several else each.key,
            each.category,
            _reader(stores(each.bucket), each.key, {each.key: each.version_token}, settings),
            product=each.product_id or product_of(each.key, settings.product_pattern),
        )
        for each in tags
    ]


def _reader(store: Store, key: str, versions: Mapping[str, str], settings: Settings) -> Callable[[], bytes]:
    """Reads one object. What ails it alone becomes ImageRejected; what ails the store stays a StorageError."""
    from model.images.decoding import ImageRejected
    from worker.storage.store import AccessDenied, ChangedDuringRead, ImageNotFound, NotAFile, TooLarge

    def read() -> bytes:
        if key not in versions:
            raise ImageRejected("not_found", f"{key} is not in {store.bucket}")
        try:
            return store.read(key, versions[key], max_bytes=settings.max_image_bytes)
        except (AccessDenied, ChangedDuringRead, ImageNotFound, NotAFile, TooLarge) as error:
            raise ImageRejected(error.reason, str(error)) from error

    return read
