"""Keys that not every database can store are spelt out, listed in order, and refused with their reason when read."""

import http.client

import pytest
from hypothesis import given, strategies as st

from stack.servers import Seaweed
from tests.faults.s3_server import FaultyS3
from tests.worker.storage.listing import keys_of, listed
from tests.worker.storage.test_s3 import filled
from worker.storage.s3_keys import askable_key, catalogue_key, is_spelt, key_bytes
from worker.storage.store import KeyNotSupported, Store, StoreMisconfigured

BYTES = st.binary(max_size=6) | st.text(st.sampled_from("a\0é\U0010fffd\U0010ffff+ %"), max_size=4).map(str.encode)
ODD = ["caf\udce9.jpg", "nul\0.jpg", "dress/\udcff\udcfe/1.jpg", "dress/\udced\udca0\udc80.jpg"]


def as_listed(raw: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in raw)


@given(BYTES, BYTES)
def test_every_key_has_a_text_of_its_own_that_every_database_stores(raw: bytes, other: bytes) -> None:
    key = catalogue_key(as_listed(raw))

    assert key_bytes(key) == raw
    assert "\0" not in key.encode().decode()
    assert (key == catalogue_key(as_listed(other))) == (raw == other)


@given(BYTES)
def test_a_key_can_be_asked_for_exactly_if_it_is_text_without_nul(raw: bytes) -> None:
    key = catalogue_key(as_listed(raw))
    try:
        can = "\0" not in raw.decode()
    except UnicodeDecodeError:
        can = False

    if can:
        assert askable_key(key).encode() == raw
    else:
        with pytest.raises(KeyNotSupported, match="another name"):
            askable_key(key)


def odd_server(server: FaultyS3, *keys: str) -> None:
    for key in ("a.jpg", "caf.jpg", "café.jpg", "caf\U0001f457.jpg", "dress/1.jpg", "nul.jpg", "z.jpg", *keys):
        server.put(key, b"photo")


@pytest.mark.parametrize("page", [2, 3, 1000])
def test_odd_keys_are_listed_in_the_catalogues_order(
    server: FaultyS3, store: Store, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.storage.s3_order.PAGE_KEYS", page)
    odd_server(server, *ODD)

    keys = keys_of(store)

    assert sorted(map(key_bytes, keys)) == sorted(key.encode("utf-8", "surrogateescape") for key in server.objects)
    assert keys == sorted(keys, key=str.encode)
    for after in keys:
        again = keys_of(store, after)
        assert set(again) <= {key for key in keys if key > after}
        assert set(again) >= {key for key in keys if key > after and not is_spelt(key)}


def test_an_odd_key_is_refused_when_it_is_read_and_others_are_not(server: FaultyS3, store: Store) -> None:
    odd_server(server, *ODD)

    objects = listed(store)

    for stored in objects:
        if is_spelt(stored.key):
            with pytest.raises(KeyNotSupported, match=r"not UTF-8|has a NUL"):
                store.read(stored.key, stored.version_token, max_bytes=10)
        else:
            assert store.read(stored.key, stored.version_token, max_bytes=10) == b"photo"
    assert sum(is_spelt(stored.key) for stored in objects) == len(ODD)


def test_a_key_with_nul_stops_no_listing_of_a_server_that_walks_directories(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "a.jpg", "n/b.jpg", "z.jpg")
    filer = http.client.HTTPConnection("127.0.0.1", seaweed_server.filer)
    filer.request("PUT", f"/buckets/{store.bucket}/n/nul%00.jpg", body=b"photo")
    assert filer.getresponse().status == 201
    filer.close()

    objects = listed(store)

    assert [key_bytes(stored.key) for stored in objects] == [b"a.jpg", b"n/b.jpg", b"n/nul\0.jpg", b"z.jpg"]
    with pytest.raises(KeyNotSupported, match="NUL"):
        store.read(objects[2].key, objects[2].version_token, max_bytes=10)


@pytest.mark.parametrize("prefix", ["x//", "/x", "x/w//"])
def test_a_prefix_that_the_server_takes_for_another_is_named(seaweed_server: Seaweed, prefix: str) -> None:
    store = filled(seaweed_server, "x//y.jpg", "/x.jpg", "x/w//1.jpg", "x/z.jpg", prefix=prefix)

    with pytest.raises(StoreMisconfigured, match="write the prefix as the server spells its keys"):
        keys_of(store)


def test_doubled_and_leading_slashes_are_listed_and_read_as_the_server_spells_them(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "x//y.jpg", "/r.jpg", "x/z.jpg")

    objects = listed(store)

    assert [stored.key for stored in objects] == ["r.jpg", "x/y.jpg", "x/z.jpg"]
    assert store.read("x/y.jpg", objects[1].version_token, max_bytes=100) == b"x//y.jpg"
