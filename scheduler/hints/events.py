"""Events of object stores: a message in S3's format -> the images that it is about.

S3 and the servers that speak as it does send `{"Records": [...]}`, into a queue or to a URL. SNS and EventBridge wrap
the same thing, and are unwrapped here. Nothing of an event is believed but that somebody might look at these keys.
Format: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from scheduler.hints.counters import Ignored
from worker.storage.s3_keys import catalogue_key

MOST_BYTES = 1 << 20
"""The longest message that SQS carries."""
MOST_RECORDS = 100
"""S3 sends one a message."""
_LOOK_AT = ("ObjectCreated:", "ObjectRestore:Completed")
_FROM_EVENTBRIDGE = ("Object Created", "Object Restore Completed")
_MOST_WRAPPINGS = 3


class EventUnreadable(Exception):
    """A message that is no event of an object store. Its text says what is wrong, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Hint:
    """An image that may be new, with its key as the catalogue spells it."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Event:
    """What a message says: the images that may be new, and how many events are about something else."""

    hints: list[Hint]
    ignored: Mapping[Ignored, int]


def read(message: str | bytes) -> Event:
    """Return what a message says: no image for a test, a removal, tags. Raises EventUnreadable."""
    if len(message) > MOST_BYTES:
        raise EventUnreadable(f"it is longer than {MOST_BYTES:,} bytes")
    try:
        found = list(_hints(_unwrapped(message)))
    except (LookupError, TypeError, AttributeError) as error:
        raise EventUnreadable(f"it lacks what events of S3 have ({type(error).__name__})") from None
    except (ValueError, RecursionError):
        raise EventUnreadable("it is no JSON, or a key in it is no text") from None
    return Event([hint for hint in found if isinstance(hint, Hint)], Counter(x for x in found if isinstance(x, str)))


def _unwrapped(message: str | bytes) -> Mapping[str, Any]:
    """Take the event out of what SNS has put around it."""
    for _ in range(_MOST_WRAPPINGS):
        event = json.loads(message)
        if event.get("Type") != "Notification":
            return event  # type: ignore[no-any-return]
        message = event["Message"]
    raise ValueError("wrapped too often")


def _hints(event: Mapping[str, Any]) -> Iterator[Hint | Ignored]:
    """Yield for each event its image, or why it names none."""
    if "detail-type" in event:
        if event["detail-type"] not in _FROM_EVENTBRIDGE:
            yield "other_event"
        else:
            detail = event["detail"]
            encoded = quote(detail["object"]["key"])  # alone among all, EventBridge does not encode it
            yield Hint(str(detail["bucket"]["name"]), catalogue_key(encoded))
        return
    if event.get("Event") == "s3:TestEvent":
        yield "test"
        return
    records = event["Records"]
    if len(records) > MOST_RECORDS:
        raise EventUnreadable(f"it has more than {MOST_RECORDS} records")
    for record in records:
        name = record["eventName"].removeprefix("s3:")
        if name.startswith(_LOOK_AT):
            content = record["s3"]
            yield Hint(str(content["bucket"]["name"]), catalogue_key(content["object"]["key"]))
        else:
            yield "other_event"
