"""Buckets whose requesters pay, on a server that refuses whoever does not say so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.s3_server import FaultyS3
from worker.settings import Settings
from worker.storage.open import open_source
from worker.storage.s3 import S3Store
from worker.storage.store import StoreMisconfigured


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    with FaultyS3() as server:
        server.requester_pays = True
        for name, value in (("ENDPOINT_URL", server.url), ("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "secret")):
            monkeypatch.setenv(f"TAGGER_S3_{name}", value)
        yield server


@pytest.mark.parametrize("quick", [True, False])
def test_with_the_setting_such_a_bucket_is_listed_and_read(
    server: FaultyS3, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not quick:
        monkeypatch.setattr("worker.storage.s3_client.quick_get", lambda *_: None)
    monkeypatch.setenv("TAGGER_S3_REQUESTER_PAYS", "true")
    token = server.put("a.jpg", b"a photograph")

    store = open_source("s3://photos/", Settings().s3)

    assert [listed.key for page in store.list_pages() for listed in page] == ["a.jpg"]
    assert store.read("a.jpg", token, max_bytes=100) == b"a photograph"
    assert server.requests[-2:] == ["list", "get a.jpg"]
    assert "request-payer=requester" in store.presign("a.jpg")


def test_without_it_such_a_bucket_is_refused(server: FaultyS3) -> None:
    store = open_source("s3://photos/", Settings().s3)

    assert isinstance(store, S3Store)
    with pytest.raises(StoreMisconfigured):
        store.check()
