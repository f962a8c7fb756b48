"""Pictures: small, re-encoded, kept on disk up to a limit, and of images of the catalogue alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.db.catalogues import LONG_AGO
from tests.review.clients import Review


def test_a_picture_is_small_and_never_the_file_itself(review: Review) -> None:
    file = review.folder / "photos" / "0001.png"
    Image.effect_noise((900, 600), 60).convert("RGB").save(file)
    rescan(review, file)

    small, large = (review.ask("GET", f"/images/{review.ids[0]}/{size}") for size in ("small", "large"))

    assert small.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(small.content)).size == (200, 133)
    assert Image.open(io.BytesIO(large.content)).size == (900, 600)
    assert len(small.content) < 20_000


def test_a_browser_keeps_a_picture_until_the_image_changes(review: Review) -> None:
    item = review.screen(limit=1)["items"][0]
    first = review.ask("GET", item["image"])

    again = review.ask("GET", item["image"], headers={"If-None-Match": first.headers["etag"]})
    unversioned = review.ask("GET", item["image"].partition("?")[0])

    assert (again.status_code, again.content) == (304, b"")
    assert "immutable" in first.headers["cache-control"]
    assert unversioned.headers["cache-control"] == "private, no-cache"


def test_a_picture_is_made_once(review: Review) -> None:
    first = review.ask("GET", f"/images/{review.ids[0]}/small")
    (review.folder / "photos" / "0001.png").unlink()

    assert review.ask("GET", f"/images/{review.ids[0]}/small").content == first.content


def test_the_cache_stays_within_its_limit(review: Review) -> None:
    parts = review.client.app.state.parts  # type: ignore[attr-defined]
    parts.settings.image_cache_bytes = 1500

    for object_id in review.ids:
        assert review.ask("GET", f"/images/{object_id}/small").status_code == 200

    kept = list((review.folder / "cache").iterdir())
    assert 0 < sum(file.stat().st_size for file in kept) <= 1500


def test_a_cache_that_cannot_be_written_costs_time_alone(review: Review) -> None:
    (review.folder / "cache").write_text("in the way")

    assert review.ask("GET", f"/images/{review.ids[0]}/small").status_code == 200


@pytest.mark.parametrize("key", ["../secret.png", "/etc/passwd", "0002.png/../../secret.png"])
def test_a_key_that_leads_out_of_the_folder_shows_nothing(review: Review, key: str) -> None:
    Image.new("RGB", (8, 8)).save(review.folder / "secret.png")
    review.catalogue.sql("UPDATE source_object SET key = :key WHERE id = :id", key=key, id=review.ids[0])

    assert review.ask("GET", f"/images/{review.ids[0]}/small").status_code == 404


def test_what_is_no_picture_or_gone_is_not_found(review: Review) -> None:
    file = review.folder / "photos" / "0001.png"
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    rescan(review, file)
    review.catalogue.sql("UPDATE source_object SET gone_at = :then WHERE id = :id", then=LONG_AGO, id=review.ids[1])

    answers = [review.ask("GET", f"/images/{object_id}/small") for object_id in (*review.ids[:2], 999)]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert "svg" not in answers[0].headers["content-type"]


def rescan(review: Review, file: Path) -> None:
    status = file.stat()
    token = f"{status.st_size}+{status.st_mtime_ns}"
    review.catalogue.sql("UPDATE source_object SET version_token = :token WHERE key = :key", token=token, key=file.name)
