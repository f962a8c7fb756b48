"""An S3 server that misbehaves: whole bytes of the right version, or the right error in bounded time."""

import os
import threading
import time

import pytest

from stack.processes import free_ports
from tests.faults.s3_server import BUCKET, Fault, FaultyS3
from tests.worker.storage.impatient import DATA, opened
from worker.storage.open import open_source
from worker.storage.store import (
    AccessDenied,
    Archived,
    ChangedDuringRead,
    ImageNotFound,
    S3Options,
    Store,
    StoreMisconfigured,
    StoreUnavailable,
)

pytestmark = pytest.mark.usefixtures("no_long_waits")


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(status=503, code="SlowDown")] * 2,
        [Fault(status=500, code="InternalError")] * 3,
        [Fault(cut_after=40_000)] * 2,
        [Fault(cut_after=0)],
        [Fault(stall_after=40_000)],
        [Fault(cut_after=40_000), Fault(status=503), Fault(cut_after=1)],
    ],
    ids=["503", "500", "cut", "cut at once", "stalled", "mixed"],
)
def test_a_passing_fault_is_overcome(server: FaultyS3, store: Store, faults: list[Fault]) -> None:
    token = server.put("a.jpg", DATA)
    server.script("a.jpg", *faults)

    assert store.read("a.jpg", token, max_bytes=10**6) == DATA


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(cut_after=40_000),
        Fault(stall_after=40_000),
        Fault(body=DATA[:-1]),
        Fault(announce=200_000),
    ],
    ids=["503", "cut", "stalled", "shorter than listed", "announces more than it sends"],
)
def test_a_lasting_fault_is_an_outage_in_bounded_time(server: FaultyS3, store: Store, fault: Fault) -> None:
    token = server.put("a.jpg", DATA)
    server.script("a.jpg", *[fault] * 50)
    started = time.monotonic()

    with pytest.raises(StoreUnavailable):
        store.read("a.jpg", token, max_bytes=10**6)

    assert time.monotonic() - started < 10
    assert len(server.requests) <= 14


def test_a_cut_stream_is_tried_three_times(server: FaultyS3, store: Store) -> None:
    token = server.put("a.jpg", DATA)
    server.script("a.jpg", *[Fault(cut_after=40_000)] * 50)

    with pytest.raises(StoreUnavailable, match="3 times"):
        store.read("a.jpg", token, max_bytes=10**6)

    assert len(server.requests) == 3


def test_a_dripping_server_holds_nobody_longer_than_the_deadline(server: FaultyS3) -> None:
    token = server.put("a.jpg", DATA)
    server.script("a.jpg", *[Fault(drip_s=0.05)] * 5)
    store = opened(server.url, deadline_s=1)
    store.find("a.jpg")  # boto makes its client for the first request, which takes seconds of a busy machine
    started = time.monotonic()

    with pytest.raises(StoreUnavailable, match="too slowly"):
        store.read("a.jpg", token, max_bytes=10**6)

    assert time.monotonic() - started < 2
    assert server.requests == ["list", "get a.jpg"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=403, code="AccessDenied"), AccessDenied),
        (Fault(status=403, code="InvalidObjectState"), Archived),
        (Fault(status=404, code="NoSuchKey"), ImageNotFound),
        (Fault(status=412, code="PreconditionFailed"), ChangedDuringRead),
        (Fault(status=404, code="NoSuchBucket"), StoreMisconfigured),
        (Fault(status=403, code="SignatureDoesNotMatch"), StoreMisconfigured),
        (Fault(status=403, code="RequestTimeTooSkewed"), StoreUnavailable),
        (Fault(status=400, code="ExpiredToken"), StoreUnavailable),
        (Fault(status=429, code="TooManyRequests"), StoreUnavailable),
    ],
    ids=lambda value: value.code if isinstance(value, Fault) else "",
)
def test_each_answer_has_its_error(server: FaultyS3, store: Store, fault: Fault, error: type[Exception]) -> None:
    token = server.put("a.jpg", DATA)
    server.script("a.jpg", *[fault] * 20)

    with pytest.raises(error):
        store.read("a.jpg", token, max_bytes=10**6)


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchKey", "PreconditionFailed"])
def test_an_answer_about_one_image_is_not_asked_for_often(server: FaultyS3, store: Store, code: str) -> None:
    token = server.put("a.jpg", DATA)
    statuses = {"AccessDenied": 403, "NoSuchKey": 404, "PreconditionFailed": 412}
    server.script("a.jpg", *[Fault(status=statuses[code], code=code)] * 20)

    with pytest.raises((AccessDenied, ImageNotFound, ChangedDuringRead)):
        store.read("a.jpg", token, max_bytes=10**6)

    assert len(server.requests) <= 3  # quickly, by boto3, and whether the bucket is there at all


def test_another_version_is_refused_even_by_a_server_without_if_match(server: FaultyS3, store: Store) -> None:
    token = server.put("a.jpg", DATA)
    server.put("a.jpg", DATA[::-1])
    server.script("a.jpg", *[Fault(ignore_if_match=True)] * 5)

    with pytest.raises(ChangedDuringRead):
        store.read("a.jpg", token, max_bytes=10**6)


def test_a_store_without_etags_is_read_by_its_sizes(server: FaultyS3, store: Store) -> None:
    server.put("a.jpg", DATA)

    assert store.read("a.jpg", f":{len(DATA)}", max_bytes=10**6) == DATA
    with pytest.raises(StoreUnavailable):
        store.read("a.jpg", ":5", max_bytes=10**6)


def test_a_server_that_is_not_there_is_an_outage_that_names_it() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    started = time.monotonic()

    with pytest.raises(StoreUnavailable, match=url):
        opened(url).check()
    with pytest.raises(StoreUnavailable, match=url):
        opened(url).read("a.jpg", "x:1", max_bytes=10)

    assert time.monotonic() - started < 5


def test_an_endpoint_that_is_no_url_is_a_matter_of_configuration() -> None:
    with pytest.raises(StoreMisconfigured, match="TAGGER_S3"):
        opened("photos.example.com").check()


def test_without_any_credentials_the_settings_are_named(server: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    store = open_source(f"s3://{BUCKET}", S3Options(endpoint_url=server.url))

    with pytest.raises(StoreMisconfigured, match="credentials"):
        store.check()
    with pytest.raises(StoreMisconfigured, match="credentials"):
        store.read("a.jpg", "x:1", max_bytes=10)


def test_boto3_reads_where_the_quick_way_is_not_there(
    server: FaultyS3, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = server.put("a.jpg", DATA)
    monkeypatch.setattr("worker.storage.s3_client.quick_get", lambda *_: None)
    server.script("a.jpg", Fault(status=503), Fault(cut_after=40_000))

    assert store.read("a.jpg", token, max_bytes=10**6) == DATA


def test_a_good_answer_costs_one_request(server: FaultyS3, store: Store) -> None:
    keys = ["a.jpg", "a b/é+%.jpg", "\U0001f457"]
    tokens = {key: server.put(key, DATA) for key in keys}

    read = {key: store.read(key, token, max_bytes=10**6) for key, token in tokens.items()}

    assert read == server.objects
    assert len(server.requests) == len(keys)


def test_one_client_serves_many_threads(server: FaultyS3, store: Store) -> None:
    tokens = {f"{number}.jpg": server.put(f"{number}.jpg", os.urandom(5_000)) for number in range(40)}
    read: dict[str, bytes] = {}
    threads = [
        threading.Thread(
            target=lambda key=key, token=token: read.update({key: store.read(key, token, max_bytes=10**6)})
        )
        for key, token in tokens.items()
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read == server.objects


def test_a_forked_child_makes_a_client_of_its_own(server: FaultyS3, store: Store) -> None:
    token = server.put("a.jpg", DATA)
    store.check()

    child = os.fork()
    if child == 0:
        os._exit(0 if store.read("a.jpg", token, max_bytes=10**6) == DATA else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert store.read("a.jpg", token, max_bytes=10**6) == DATA
