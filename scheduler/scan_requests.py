"""Requests for scans: how a run is to be scanned, by its kind and the settings."""

from dataclasses import dataclass, replace

from db.queue.retries import ONCE_A_NIGHT, Retries
from db.schema import Run
from db.schema.vocabulary import HINTS
from worker.run_requests import SCAN
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """The way to scan. With a `limit` the scan stops after that many images were queued, and marks nothing as gone."""

    queue: str = "nightly"
    priority: int = 100
    product_pattern: str | None = None
    allow_mass_removal: bool = False
    limit: int | None = None
    retries: Retries = ONCE_A_NIGHT


_URGENT = {SCAN: ScanRequest("ops", priority=10), HINTS: ScanRequest("ops", priority=50)}


def scan_request(run: Run, settings: Settings, *, allow_mass_removal: bool = False) -> ScanRequest:
    """Build the request for a run. What a person waits for goes before the night's work, and then what is hinted at.

    A person may just have mended what failed, so for them it is tried again more often than once a night.
    """
    request = _URGENT.get(run.kind, ScanRequest())
    return replace(
        request,
        product_pattern=settings.product_pattern,
        allow_mass_removal=allow_mass_removal,
        limit=run.selection.get("limit"),
        retries=Retries(settings.max_image_bytes, settings.max_image_pixels, a_day=3 if run.kind == SCAN else 1),
    )
