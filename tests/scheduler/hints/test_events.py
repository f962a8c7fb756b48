"""Events of object stores become hints; whatever else comes is refused with a reason, and by no other exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from scheduler.hints.events import MOST_RECORDS, EventUnreadable, Hint, read
from tests.scheduler.hints.messages import event, from_eventbridge, from_sns, record

KEYS = ("a b+c%20.jpg", "größe/\U0001f457.jpg", "shoes/4711 front.jpg", "a?b#c&d.jpg")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("Records", "Type", "Message", "s3", "detail", "detail-type", "object", "key", "eventName"))
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_comes_out_as_the_listing_has_it(key: str) -> None:
    hint = [Hint("photos", key)]

    assert read(event(key)).hints == hint
    assert read(event(key, name="s3:ObjectCreated:CompleteMultipartUpload").encode()).hints == hint
    assert read(from_sns(event(key))).hints == hint
    assert read(from_eventbridge(key)).hints == hint
    assert read(from_sns(from_eventbridge(key))).hints == hint


def test_a_key_that_is_no_text_is_spelt_as_a_listing_spells_it() -> None:
    raw = event("x").replace('"key": "x"', '"key": "a%FF%00.jpg"')

    assert read(raw).hints == [Hint("photos", "a\U0010fffdff\U0010fffd00.jpg")]


@pytest.mark.parametrize(
    "message",
    [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}),
        event("a.jpg", name="ObjectRemoved:Delete"),
        event("a.jpg", name="ObjectTagging:Put"),
        event("a.jpg", name="ObjectRestore:Post"),
        from_eventbridge("a.jpg", kind="Object Deleted"),
        event(),
    ],
)
def test_what_brings_no_image_is_swallowed(message: str) -> None:
    assert read(message).hints == []


def test_all_records_of_a_message_count() -> None:
    both = json.dumps({"Records": [record("a"), record("b", name="ObjectTagging:Put"), record("c", bucket="other")]})

    assert read(both).hints == [Hint("photos", "a"), Hint("other", "c")]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "null",
        "no JSON",
        "{}",
        '{"Records": 5}',
        '{"Records": [{"eventName": 7}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": 7}}}]}',
        from_eventbridge("a").replace('"key": "a"', '"key": "\\ud800"'),
        event("a").replace('"key": "a"', '"key": "\\ud800%"'),
        from_sns(from_sns(from_sns(from_sns(event("a"))))),
        event(*("a" for _ in range(MOST_RECORDS + 1))),
        "[" * 100_000,
        " " * (1 << 20) + event("a"),
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(message: str | bytes) -> None:
    with pytest.raises(EventUnreadable, match=r"^it "):
        read(message)


@given(JSON)
def test_no_json_brings_another_exception(content: object) -> None:
    try:
        hints = read(json.dumps(content)).hints
    except EventUnreadable:
        return
    assert all(isinstance(hint.key, str) for hint in hints)
