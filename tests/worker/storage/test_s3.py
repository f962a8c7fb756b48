"""A real S3 server (SeaweedFS) as a store."""

import random
import urllib.request
from dataclasses import replace

import pytest

from stack.servers import Seaweed
from tests.faults.proxy import Proxy
from tests.worker.storage.listing import keys_of, listed
from worker.storage.ignore import ignored_names
from worker.storage.open import open_source
from worker.storage.store import (
    BucketStore,
    ChangedDuringRead,
    ImageNotFound,
    S3Options,
    Store,
    StoreMisconfigured,
    StoreUnavailable,
    TooLarge,
)


def options_of(server: Seaweed) -> S3Options:
    return S3Options(
        endpoint_url=server.url, access_key_id=server.access_key_id, secret_access_key=server.secret_access_key
    )


def filled(server: Seaweed, *keys: str, prefix: str = "") -> Store:
    """Fill a new bucket: each object's bytes are its key."""
    bucket = server.new_bucket()
    client = server.client()
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return open_source(f"s3://{bucket}/{prefix}", options_of(server))


def test_keys_with_odd_characters_are_listed_and_read(seaweed_server: Seaweed) -> None:
    keys = [
        "a b.jpg",
        "a+b.jpg",
        "a%20b.jpg",
        "q'\"<>&.jpg",
        "new\nline.jpg",
        "\U0001f457.jpg",
        "é.jpg",
        "a?b#c.jpg",
        "\x01",
    ]
    store = filled(seaweed_server, *keys)

    objects = listed(store)

    assert [stored.key for stored in objects] == sorted(keys, key=str.encode)
    for stored in objects:
        assert store.read(stored.key, stored.version_token, max_bytes=100) == stored.key.encode()
        assert stored.last_modified.utcoffset() is not None


def test_keys_come_in_the_order_of_their_bytes_from_a_server_that_walks_directories(seaweed_server: Seaweed) -> None:
    rng = random.Random(5)
    names = ["a", "a-b", "a.b", "a b", "a0", "b", "b!", "é"]
    keys = {"/".join([*(f"{name}" for name in rng.choices(names, k=2)), f"{i}.jpg"]) for i in range(60)}
    keys |= {"a-b.jpg", "a.jpg", "a/b.jpg"}
    store = filled(seaweed_server, *keys)

    listing = keys_of(store)

    assert listing == sorted(keys, key=str.encode)
    for after in [*rng.sample(listing, 5), "a", "a/", "b/zzz", "zzz"]:
        assert keys_of(store, after) == [key for key in listing if key.encode() > after.encode()], after


def test_a_walking_server_is_listed_whole_over_many_pages(
    seaweed_server: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.storage.s3_order.PAGE_KEYS", 7)
    keys = [f"{directory}/{i}.jpg" for directory in ("s", "s-1", "s/t", "s.") for i in range(10)]
    store = filled(seaweed_server, *keys)

    pages = list(store.list_pages())

    assert max(map(len, pages)) == 7
    assert pages[:6] == [[]] * 6, "it is sorted meanwhile, and says so"
    assert [stored.key for page in pages for stored in page] == sorted(keys, key=str.encode)


@pytest.mark.parametrize("prefix", ["shirts/", "shirts", "shirts/2026/", "shirts-"])
def test_a_prefix_limits_the_listing_and_keys_stay_whole(seaweed_server: Seaweed, prefix: str) -> None:
    keys = ["dress/1.jpg", "shirts-sale/1.jpg", "shirts/1.jpg", "shirts/2026/1.jpg", "shirts/2026-1/2.jpg", "shirts0"]
    store = filled(seaweed_server, *keys, prefix=prefix)

    assert keys_of(store) == sorted(key for key in keys if key.startswith(prefix))


def test_folder_markers_are_no_images_but_empty_files_are_listed(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "a/1.jpg")
    client = seaweed_server.client()
    client.put_object(Bucket=store.bucket, Key="marker/", Body=b"")
    client.put_object(Bucket=store.bucket, Key="empty.jpg", Body=b"")

    objects = listed(store)

    assert [(stored.key, stored.size) for stored in objects] == [("a/1.jpg", 7), ("empty.jpg", 0)]
    assert store.read("empty.jpg", objects[1].version_token, max_bytes=10) == b""


def test_an_empty_bucket_has_no_pages(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server)

    store.check()

    assert list(store.list_pages()) == []


def test_a_replaced_object_is_another_version(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "a.jpg")
    (old,) = listed(store)
    client = seaweed_server.client()
    client.put_object(Bucket=store.bucket, Key="a.jpg", Body=b"other")

    with pytest.raises(ChangedDuringRead):
        store.read("a.jpg", old.version_token, max_bytes=100)

    (new,) = listed(store)
    assert store.read("a.jpg", new.version_token, max_bytes=100) == b"other"


def test_a_removed_object_is_not_found(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "a.jpg")
    (photo,) = listed(store)
    client = seaweed_server.client()
    client.delete_object(Bucket=store.bucket, Key="a.jpg")

    with pytest.raises(ImageNotFound):
        store.read("a.jpg", photo.version_token, max_bytes=100)
    with pytest.raises(ImageNotFound):
        store.read("", photo.version_token, max_bytes=100)


def test_more_bytes_than_allowed_are_not_asked_for(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "a.jpg")
    (photo,) = listed(store)

    with pytest.raises(TooLarge, match="TAGGER_MAX_IMAGE_BYTES"):
        store.read("a.jpg", photo.version_token, max_bytes=4)


def test_a_presigned_url_opens_without_credentials(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "a b/é.jpg")

    with urllib.request.urlopen(store.presign("a b/é.jpg", expires_s=60)) as answer:
        assert answer.read() == "a b/é.jpg".encode()


def test_a_missing_bucket_is_a_matter_of_configuration(seaweed_server: Seaweed) -> None:
    store = open_source("s3://no-such-bucket", options_of(seaweed_server))

    with pytest.raises(StoreMisconfigured, match="NoSuchBucket"):
        store.check()
    with pytest.raises(StoreMisconfigured, match="NoSuchBucket"):
        store.read("a.jpg", "x:1", max_bytes=10)


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"access_key_id": "nobody"}, "TAGGER_S3_ACCESS_KEY_ID"),
        ({"secret_access_key": "wrong"}, "TAGGER_S3_SECRET_ACCESS_KEY"),
    ],
)
def test_wrong_credentials_name_the_setting(seaweed_server: Seaweed, change: dict[str, str], setting: str) -> None:
    good = filled(seaweed_server, "a.jpg")
    (photo,) = listed(good)
    store = open_source(f"s3://{good.bucket}", replace(options_of(seaweed_server), **change))

    with pytest.raises(StoreMisconfigured, match=setting):
        store.check()
    with pytest.raises(StoreMisconfigured, match=setting):
        store.read("a.jpg", photo.version_token, max_bytes=10)


def test_a_connection_cut_in_the_middle_is_read_again(seaweed_server: Seaweed) -> None:
    data = bytes(range(256)) * 4_000
    good = filled(seaweed_server)
    client = seaweed_server.client()
    client.put_object(Bucket=good.bucket, Key="a.jpg", Body=data)
    (photo,) = listed(good)

    with Proxy(seaweed_server.port) as proxy:
        store = open_source(
            f"s3://{good.bucket}", replace(options_of(seaweed_server), endpoint_url=f"http://127.0.0.1:{proxy.port}")
        )
        store.check()
        proxy.cut_after = 300_000
        with pytest.raises(StoreUnavailable):
            store.read("a.jpg", photo.version_token, max_bytes=2_000_000)
        proxy.cut_after = None

        assert store.read("a.jpg", photo.version_token, max_bytes=2_000_000) == data


# One object


def test_one_object_is_found_as_the_listing_gives_it(seaweed_server: Seaweed) -> None:
    store = filled(seaweed_server, "a b+c%20.jpg", "größe.jpg", "a?b#c&d.jpg", "shoes/1.jpg", "shoes/1.jpg.bak", "\x01")
    assert isinstance(store, BucketStore)

    everything = listed(store)

    assert [store.find(stored.key) for stored in everything] == everything


def test_what_a_listing_leaves_out_is_not_found(seaweed_server: Seaweed) -> None:
    keys = ["shoes/1.jpg", "shoes/.hidden", "bags/1.jpg", "shoes/empty/"]
    bucket = filled(seaweed_server, *keys).bucket
    store = open_source(f"s3://{bucket}/shoes/", options_of(seaweed_server), ignored=ignored_names(".*"))
    assert isinstance(store, BucketStore)

    asked = [*keys[1:], "shoes/1", "shoes/1.jpg.bak", "shoes/", "", "shoes/" + "x" * 2000, "shoes/\U0010fffdff.jpg"]

    assert [key for key in asked if store.find(key) is not None] == []
    assert store.find("shoes/1.jpg") is not None


def test_looking_in_a_bucket_that_is_not_there_says_so(seaweed_server: Seaweed) -> None:
    store = open_source("s3://nowhere-at-all/", options_of(seaweed_server))
    assert isinstance(store, BucketStore)

    with pytest.raises(StoreMisconfigured, match="nowhere-at-all"):
        store.find("a.jpg")
