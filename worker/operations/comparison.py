"""Comparison of a plan's model with the tags there are: some of its images are classified, and nothing is recorded."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from db.operations import plan_changes, plans, samples
from db.operations.samples import SAMPLE, Sampled
from db.queue.leases import ClaimedItem
from db.schema import Plan
from db.session import Sessions, in_transaction, read_with_retry
from db.tags import Tagged
from model.classifier import Classifier
from worker.chunk.classifying import classify
from worker.chunk.clock import Clock
from worker.chunk.reading import Prepared, Reading, prepare
from worker.tagging import Tagger

Change = tuple[str | None, str]
Result = tuple[Sampled, Tagged]


def compare(tagger: Tagger, plan: Plan, *, whole: bool = False, on_image: Callable[[], None] = lambda: None) -> Plan:
    """Classify a sample of a plan's images, or all, and add to the plan how many change from which category to which.

    `on_image` is called for each image. Those that cannot be read or decoded are counted and left out.
    """
    classifier = tagger.classifier_of(plan.model_version_id)
    changes: Counter[Change] = Counter()
    unreadable = 0
    for page in _pages(tagger.sessions, plan, whole):
        results = list(_classified(tagger, classifier, page, on_image))
        in_transaction(tagger.sessions, partial(_keep, plan=plan, results=results))
        found = Counter((image.category, result.category) for image, result in results)
        changes += found
        unreadable += len(page) - found.total()
    figures = _figures(changes, unreadable, plan.figures["images"])
    return in_transaction(tagger.sessions, lambda session: plans.add_figures(session, plan.id, figures))


def _pages(sessions: Sessions, plan: Plan, whole: bool) -> Iterator[list[Sampled]]:
    if not whole:
        yield read_with_retry(sessions, lambda session: samples.some(session, plan, SAMPLE))
        return
    last: Sampled | None = None
    while page := read_with_retry(sessions, partial(_page, plan=plan, after=last)):
        yield page
        last = page[-1]


def _page(session: Session, plan: Plan, after: Sampled | None) -> list[Sampled]:
    return samples.page(session, plan, after)


def _classified(
    tagger: Tagger, classifier: Classifier, page: list[Sampled], on_image: Callable[[], None]
) -> Iterator[Result]:
    """Yield each image that can be classified, with what the model says."""
    images = {image.object_id: image for image in page}
    decode = partial(tagger.prepare, classifier)
    reading = Reading(
        tagger.pool,
        partial(prepare, tagger.store_of, tagger.limits, decode, Clock()),
        [_unclaimed(image) for image in page],
    )
    window = 4 * tagger.micro_batch
    for batch in reading.batches(tagger.micro_batch, window=window, between=lambda: None):
        results, _ = classify(classifier, [image for image in batch if isinstance(image, Prepared)])
        yield from ((images[result.item.object_id], result) for result in results)
        for _ in batch:
            on_image()


def _keep(session: Session, plan: Plan, results: list[Result]) -> None:
    """Keep what would change, to be looked at before it happens."""
    changes = [
        plan_changes.Change(image.object_id, image.category, result.category, result.confidence)
        for image, result in results
        if image.category and image.category != result.category
    ]
    plan_changes.note(session, plan.id, changes)


def _unclaimed(image: Sampled) -> ClaimedItem:
    """Return an image as readers take it; under the fence 0 nothing can be recorded."""
    return ClaimedItem(
        id=image.object_id,
        fence=0,
        object_id=image.object_id,
        bucket=image.bucket,
        key=image.key,
        version_token=image.version_token,
        run_id=0,
        failures=0,
        alone=False,
    )


def _figures(changes: Counter[Change], unreadable: int, images: int) -> dict[str, Any]:
    """Return the changes, the most frequent first, with what to expect of all images."""
    compared = changes.total()
    changed = [(change, count) for change, count in changes.most_common() if change[0] != change[1]]
    return {
        "compared": compared,
        "unreadable": unreadable,
        "unchanged": compared - sum(count for _, count in changed),
        "changes": [
            {"from": before, "to": after, "images": count, "expected": round(count * images / (compared + unreadable))}
            for (before, after), count in changed
        ],
    }
