"""An S3 server whose listings misbehave: all keys in order, or the right error, and never an empty bucket."""

import pytest

from tests.faults.s3_server import LISTING, Fault, FaultyS3
from tests.worker.storage.impatient import DATA
from tests.worker.storage.listing import keys_of, listed
from worker.storage.store import Store, StoreMisconfigured, StoreUnavailable

pytestmark = pytest.mark.usefixtures("no_long_waits")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(body=b"<html>hello</html>!"),
        Fault(body=b""),
        Fault(body=b"<a></a>"),
        Fault(cut_after=30),
    ],
    ids=["503", "200 and no XML", "200 and nothing", "200 and other XML", "cut"],
)
def test_a_listing_with_a_lasting_fault_is_an_outage_and_no_empty_bucket(
    server: FaultyS3, store: Store, fault: Fault
) -> None:
    server.put("a.jpg", DATA)
    server.script(LISTING, *[fault] * 20)

    with pytest.raises(StoreUnavailable):
        keys_of(store)


def test_a_listing_overcomes_a_passing_fault(server: FaultyS3, store: Store) -> None:
    server.put("a.jpg", DATA)
    server.script(LISTING, Fault(status=503), Fault(body=b"<html>no XML"))

    assert keys_of(store) == ["a.jpg"]


def test_a_listing_that_is_forbidden_is_a_matter_of_configuration(server: FaultyS3, store: Store) -> None:
    server.script(LISTING, Fault(status=403, code="AccessDenied"))

    with pytest.raises(StoreMisconfigured, match="s3:ListBucket"):
        store.check()


def test_a_listing_has_pages_of_a_thousand_in_order(server: FaultyS3, store: Store) -> None:
    for number in range(2_500):
        server.put(f"{number % 7}-{number:04}/{number}.jpg", b"x")

    pages = list(store.list_pages())

    keys = [stored.key for page in pages for stored in page]
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert keys == sorted(server.objects)
    assert keys_of(store, keys[1200]) == keys[1201:]


def test_a_server_that_lists_in_byte_order_is_not_sorted_again(
    server: FaultyS3, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("worker.storage.s3_order._sorted_on_disk")
    for key in ("a-b/1", "a.b/1", "a/1", "a0", "b"):
        server.put(key, b"x")

    assert keys_of(store) == ["a-b/1", "a.b/1", "a/1", "a0", "b"]
    assert server.requests == ["list"] * 3  # a page, how it sorts, the empty page at the end


def test_a_server_that_ignores_start_after_is_named(
    server: FaultyS3, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("a.jpg", b"x")
    whole = listed(store)
    monkeypatch.setattr(type(store), "_list", lambda self, prefix, after, keys: whole)

    with pytest.raises(StoreMisconfigured, match="StartAfter"):
        keys_of(store)
