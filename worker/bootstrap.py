"""Parts of a tagging process, built from the settings in the process that uses them (no fork).

Most commands want the catalogue alone, so whatever takes numpy and Pillow is imported where it is built.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from db.schema import ModelVersion
from db.session import Sessions, connect, reading, sessions_of
from worker.settings import Settings, cores
from worker.storage.ignore import ignored_names
from worker.storage.open import open_bucket, open_source
from worker.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.bundle import Bundle
    from model.classifier import Classifier
    from model.decisions.taxonomy import Taxonomy
    from worker.tagging import Tagger

_LOADED_AT_ONCE = 2


def build_tagger(
    settings: Settings,
    sessions: Sessions,
    classifiers: Callable[[int], Classifier],
    *,
    children: int = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> Tagger:
    """Build a Tagger with its own threads, decoders and stores, one of `children` on this machine."""
    from model.images.decoder_pool import Decoders
    from worker.operations.gate import gate_of
    from worker.tagging import Tagger

    return Tagger(
        sessions=sessions,
        store_of=Stores(settings),
        classifier_of=classifiers,
        pool=ThreadPoolExecutor(settings.io_threads, thread_name_prefix="read-decode"),
        limits=settings.decode_limits,
        decoders=Decoders(max(1, cores() // children), settings.image_deadline_s),
        chunk=settings.chunk,
        micro_batch=settings.micro_batch,
        lease_s=settings.lease_s,
        audit_share=settings.audit_share,
        stopping=stopping,
        threads=settings.io_threads,
        gate=gate_of(settings),
    )


def open_sessions(settings: Settings, *, pool_size: int = 2, read_only: bool = False) -> Sessions:
    return sessions_of(connect(settings.database_url, pool_size=pool_size, read_only=read_only))


def source_store(settings: Settings, source: str) -> Store:
    """Open the store that a command names. Hidden and foreign files and the catalogue's own are not listed."""
    ignore, ignored = _catalogue_files(settings.database_url), ignored_names(settings.ignore)
    return open_source(source, settings.s3, ignore=ignore, ignored=ignored)


def _catalogue_files(database_url: str) -> list[Path]:
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return []
    path = Path(url.database).absolute()
    return [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal", "-holders"))]


def taxonomy_of(settings: Settings) -> Taxonomy | None:
    """Read the shop's own categories, if the settings name a file of them. Raises TaxonomyWrong."""
    if settings.taxonomy is None:
        return None
    from model.decisions.taxonomy import Taxonomy

    return Taxonomy.read(settings.taxonomy)


def check_taxonomy(settings: Settings, bundle: Bundle) -> None:
    """Raise TaxonomyWrong if there is a taxonomy that the bundle cannot tag with."""
    taxonomy = taxonomy_of(settings)
    if taxonomy is not None:
        from model.decisions.category_mapping import CategoryMapping

        CategoryMapping.from_taxonomy(taxonomy, bundle.categories)


def load_classifier(settings: Settings, bundle: Bundle, taxonomy: Taxonomy | None) -> Classifier:
    """Start a bundle as the settings want it to tag. Raises what Classifier.load does."""
    from model.classifier import Classifier

    policy = settings.review_policy
    return Classifier.load(bundle, settings.runtime, policy=policy, taxonomy=taxonomy, coarse=settings.coarse)


class Stores:
    """Stores by bucket, each opened once. The reading threads share them, as clients of boto3 are safe to share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, Store] = {}
        self._lock = Lock()

    def __call__(self, bucket: str) -> Store:
        with self._lock:
            if bucket not in self._open:
                self._open[bucket] = open_bucket(bucket, self._settings.s3)
            return self._open[bucket]


class Classifiers:
    """Loaded bundles by model version. The two used last are kept, so that a change of model needs no restart.

    The taxonomy is read once, so that all images of a process are tagged with the same one.
    """

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._versions: dict[int, ModelVersion] = {}
        self._loaded: OrderedDict[str, Classifier] = OrderedDict()

    def __call__(self, model_version_id: int) -> Classifier:
        if model_version_id not in self._versions:
            with reading(self._sessions) as session:
                self._versions[model_version_id] = session.get_one(ModelVersion, model_version_id)
        version = self._versions[model_version_id]
        if version.bundle_id not in self._loaded:
            from worker import bundle_lookup

            self.load(bundle_lookup.resolve_version(version, self._settings.bundle_folders))
        self._loaded.move_to_end(version.bundle_id)
        return self._loaded[version.bundle_id]

    def load(self, bundle: Bundle) -> None:
        """Load a bundle before the first image needs it."""
        self._loaded[bundle.id] = load_classifier(self._settings, bundle, self._taxonomy)
        while len(self._loaded) > _LOADED_AT_ONCE:
            self._loaded.popitem(last=False)

    @cached_property
    def _taxonomy(self) -> Taxonomy | None:
        return taxonomy_of(self._settings)
