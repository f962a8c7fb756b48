"""Counters of hints, of this process since it began: what arrived, and what became of it."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Literal

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

Way = Literal["http", "sqs"]
Refusal = Literal["request", "secret", "signature", "unreadable", "busy", "failed"]
Ignored = Literal["test", "other_event", "subscription", "elsewhere", "absent", "known", "held"]
_WAYS: tuple[Way, ...] = ("http", "sqs")
_REFUSALS: tuple[Refusal, ...] = ("request", "secret", "signature", "unreadable", "busy", "failed")
_IGNORED: tuple[Ignored, ...] = ("test", "other_event", "subscription", "elsewhere", "absent", "known", "held")


class HintCounters(Collector):
    """The counters of a scheduler. Threads share them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._received: dict[str, int] = dict.fromkeys(_WAYS, 0)
        self._refused: dict[str, int] = dict.fromkeys(_REFUSALS, 0)
        self._ignored: dict[str, int] = dict.fromkeys(_IGNORED, 0)
        self._queued = 0

    def receive(self, way: Way, messages: int = 1) -> None:
        """Count messages that arrived."""
        with self._lock:
            self._received[way] += messages

    def refuse(self, reason: Refusal, messages: int = 1) -> None:
        """Count messages that were not taken."""
        with self._lock:
            self._refused[reason] += messages

    def ignore(self, counts: Mapping[Ignored, int]) -> None:
        """Count events, or the images of events, for which there is nothing to do."""
        with self._lock:
            for reason, count in counts.items():
                self._ignored[reason] += count

    def take_up(self, images: int) -> None:
        """Count images that were queued."""
        with self._lock:
            self._queued += images

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield all counters, those that are zero too."""
        with self._lock:
            received, refused, ignored = dict(self._received), dict(self._refused), dict(self._ignored)
            queued = self._queued
        yield _by("tagger_hints_received", "Messages with events that arrived.", "way", received)
        yield _by("tagger_hints_refused", "Messages that were not taken.", "reason", refused)
        yield _by("tagger_hints_ignored", "Events and images with nothing to do.", "reason", ignored)
        yield CounterMetricFamily("tagger_hints_taken_up", "Images that hints have queued.", value=queued)


def _by(name: str, text: str, label: str, values: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
