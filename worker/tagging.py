"""The pipeline: claim a chunk, read and decode in threads, classify in micro-batches, record under the fence.

    SQL --claim--> items --pool: read, decode, prepare--> arrays --classify--> predictions --one transaction--> SQL

No transaction is open while images are read or classified. A faulty image never fails its batch.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import structlog
from sqlalchemy.orm import Session

from db.queue import leases, throttle
from db.queue.leases import ClaimedItem
from db.review.truth import audit
from db.session import Sessions, in_transaction
from model.classifier import Classifier
from model.images.decoder_pool import Decoders
from model.images.decoding import DecodeLimits
from worker.chunk.claiming import Claiming
from worker.chunk.classifying import classify
from worker.chunk.clock import Clock
from worker.chunk.reading import Fault, Prepared, Reading, prepare
from worker.chunk.recording import Ended, MicroBatch, end_each, record
from worker.operations.gate import Gate
from worker.storage.outages import Outages
from worker.storage.store import Store, StoreMisconfigured, StoreUnavailable
from worker.telemetry import of_item, owner_of

log = structlog.get_logger()

RENEW_S = 60.0
_AHEAD = 4  # micro-batches read or being read while one is classified: what bounds the memory of a chunk


@dataclass(slots=True)
class Outcome:
    """The result of one call of `work`, in images."""

    tagged: int = 0
    needs_review: int = 0
    skipped: int = 0
    retried: int = 0
    released: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Tagger:
    """The parts of a tagging process, made once in the process that uses them."""

    sessions: Sessions
    store_of: Callable[[str], Store]  # by the catalogue's bucket
    classifier_of: Callable[[int], Classifier]  # by model_version id
    pool: ThreadPoolExecutor
    limits: DecodeLimits
    decoders: Decoders | None = None  # without them images are decoded in this process
    chunk: int = 256
    micro_batch: int = 64
    lease_s: float = leases.LEASE_S
    audit_share: float = 0.0
    owner: str = field(default_factory=lambda: owner_of(os.getpid()))
    stopping: Callable[[], bool] = lambda: False
    threads: int = 1  # of the pool
    gate: Gate | None = None

    @cached_property
    def clock(self) -> Clock:
        """What the stages took in this process."""
        return Clock(self.threads)

    @cached_property
    def outages(self) -> Outages:
        """What this process knows of its stores."""
        return Outages(self.sessions, self.store_of, self.limits.max_bytes)

    @cached_property
    def claiming(self) -> Claiming:
        """What this process claims."""
        return Claiming(self.sessions, self.classifier_of, self.owner, self.chunk, self.lease_s, self.gate)

    def prepare(self, classifier: Classifier, data: bytes) -> np.ndarray:
        """Decode a file's bytes as a classifier takes them."""
        if self.decoders:
            return self.decoders.prepare(data, classifier.bundle.preprocessing, self.limits)
        return classifier.prepare(data, self.limits)

    def close_decoders(self) -> None:
        """End them, busy or not. Call when stopping: what they were at is given back uncounted."""
        if self.decoders:
            self.decoders.close()


def work(tagger: Tagger, *queues: str, budget_s: float = 60.0, run_id: int | None = None) -> Outcome:
    """Claim and tag chunk after chunk until nothing is claimable, `budget_s` is over, or the process is stopping.

    Each chunk comes from the first of `queues` that has work, so that what is urgent waits for one chunk at most.
    Raises RuntimeBroken, after all that was claimed was given back uncounted.
    """
    outcome = Outcome()
    ends_at = time.monotonic() + budget_s
    while time.monotonic() < ends_at and not tagger.stopping():
        tagger.outages.ask_again(run_id)
        chunk = next(filter(None, (tagger.claiming.next_chunk(name, run_id) for name in queues)), None)
        if chunk is None:
            break
        classifier = tagger.classifier_of(chunk.model_version_id)
        _Chunk(tagger, classifier, chunk.model_version_id, chunk.items, ends_at, outcome).process()
    return outcome


@dataclass
class _Chunk:
    """One claimed chunk on its way through the pipeline."""

    tagger: Tagger
    classifier: Classifier
    model_version_id: int
    items: list[ClaimedItem]
    ends_at: float
    outcome: Outcome
    transient: list[Fault] = field(default_factory=list)
    open: dict[int, ClaimedItem] = field(default_factory=dict)
    renewed_at: float = field(default_factory=time.monotonic)
    asked: set[str] = field(default_factory=set)
    out: dict[str, StoreUnavailable | StoreMisconfigured] = field(default_factory=dict)

    def process(self) -> None:
        self.open = {item.id: item for item in self.items}
        try:
            for micro_batch in self._micro_batches():
                self._doubt(micro_batch)
                self._record(micro_batch)
            if not self.tagger.stopping():  # else nothing is counted: what did not come may have been stopped by us
                self._settle_transient()
        finally:
            self._release()

    def _micro_batches(self) -> Iterator[list[Prepared | Fault]]:
        """Yield what reading and decoding come to, `micro_batch` at a time, or sooner if they are slow."""
        tagger = self.tagger
        decode = partial(tagger.prepare, self.classifier)
        reading = Reading(
            tagger.pool, partial(prepare, tagger.store_of, tagger.limits, decode, tagger.clock), self.items
        )
        window = _AHEAD * tagger.micro_batch
        return reading.batches(tagger.micro_batch, window=window, between=lambda: self._look_up(reading))

    def _look_up(self, reading: Reading) -> None:
        self._renew()
        if self.out or self.tagger.stopping() or time.monotonic() > self.ends_at:
            reading.stop()

    def _renew(self) -> None:
        if time.monotonic() - self.renewed_at < min(RENEW_S, self.tagger.lease_s / 3):
            return
        self.renewed_at = time.monotonic()
        items, lease_s = list(self.open.values()), self.tagger.lease_s
        ours = in_transaction(self.tagger.sessions, lambda session: leases.renew(session, items, lease_s))
        self.outcome.lost += len(items) - len(ours)
        self.open = {item.id: item for item in items if item.id in ours}

    def _doubt(self, micro_batch: list[Prepared | Fault]) -> None:
        """Ask a store, once a chunk, of which nothing could be read; the rest of a hopeless chunk is not read."""
        failing = {image.item.bucket for image in micro_batch if isinstance(image, Fault) and image.of_store}
        failing -= self.asked | {image.item.bucket for image in micro_batch if isinstance(image, Prepared)}
        self.out |= self.tagger.outages.among(failing, meanwhile=self._renew)
        self.asked |= failing

    def _record(self, micro_batch: list[Prepared | Fault]) -> None:
        """Classify a micro-batch and write all of it, results and lasting faults, in one transaction."""
        ours = [image for image in micro_batch if image.item.id in self.open]
        faults = [image for image in ours if isinstance(image, Fault)]
        self.transient += [fault for fault in faults if not fault.lasting and not fault.strike]
        lasting = [fault for fault in faults if fault.lasting]
        struck = [fault for fault in faults if fault.strike]
        read = [image for image in ours if isinstance(image, Prepared)]
        for image in read:
            self.tagger.outages.note_read(image.item.bucket, image.item.key, image.item.version_token)
        clock = self.tagger.clock
        with clock.stage("classify", [image.item for image in read]):
            results, failed = classify(self.classifier, read)
        tagged = audit.draw(results, self.tagger.audit_share)
        self.transient += failed
        batch = MicroBatch(tagged, lasting, struck)
        ended = batch.ended
        spent = clock.take({item.run_id for item in ended})
        write = partial(record, batch=batch, spent=spent, model_version_id=self.model_version_id)
        with clock.stage("record", ended):
            recorded, skipped, retried = in_transaction(self.tagger.sessions, write)
        self.outcome.tagged += recorded
        self.outcome.needs_review += sum(result.needs_review for result in tagged)
        self.outcome.skipped += len(skipped)
        self.outcome.retried += len(retried)
        self.outcome.lost += len(ended) - recorded - len(skipped) - len(retried)
        _tell([*skipped, *retried])
        for item in ended:
            del self.open[item.id]

    def _settle_transient(self) -> None:
        """Count a failure against each faulty image; but if its store is out, it goes back uncounted, and waits."""
        outages = self.tagger.outages
        doubtful = Counter(fault.item.bucket for fault in self.transient if fault.of_store)
        out = self.out | outages.among(doubtful.keys() - self.out.keys(), meanwhile=self._renew)
        faults = [fault for fault in self.transient if fault.item.id in self.open]
        counted = [fault for fault in faults if not (fault.of_store and fault.item.bucket in out)]
        answering = {*doubtful, *(item.bucket for item in self.items if item.id not in self.open)} - out.keys()

        def write(session: Session) -> Ended:
            throttle.answered(session, answering)
            return end_each(session, leases.retry, counted)

        retried = in_transaction(self.tagger.sessions, write)
        self.outcome.retried += len(retried)
        _tell(retried)
        for fault in counted:
            del self.open[fault.item.id]
        lost = [bucket for bucket, error in out.items() if outages.hold(bucket, error, images=doubtful[bucket])]
        self._release()
        for bucket in lost:
            outages.give_up(bucket, out[bucket])

    def _release(self) -> None:
        items, self.open = list(self.open.values()), {}
        if items:
            self.outcome.released += in_transaction(self.tagger.sessions, lambda s: leases.release(s, items))


def _tell(ended: Ended) -> None:
    """Log what failed and what came of it, once that is committed."""
    for fault, state in ended:
        log.info("item_failed", state=state, reason=fault.reason, **of_item(fault.item))
