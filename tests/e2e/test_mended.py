"""What a person has mended is tagged by the same command the next time; what they deleted goes."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.e2e.deployment import Deployment
from tests.e2e.drawn import blob
from tests.faults.s3_server import Fault, FaultyS3


def test_raised_caps_let_in_what_was_over_them_and_nothing_else(embedded: Deployment, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    blob(photos / "fine.jpg")
    blob(photos / "wide.png", size=(400, 300))
    blob(photos / "heavy.jpg")
    (photos / "heavy.jpg").write_bytes((photos / "heavy.jpg").read_bytes() + bytes(600_000))
    (photos / "no picture.jpg").write_text("no picture")
    embedded.settings |= {"TAGGER_MAX_IMAGE_BYTES": "600000", "TAGGER_MAX_IMAGE_PIXELS": "100000"}
    first = embedded.json("run", photos)
    over = {row["key"]: row["reason"] for row in embedded.json("failures")}
    embedded.settings |= {"TAGGER_MAX_IMAGE_BYTES": "700000", "TAGGER_MAX_IMAGE_PIXELS": "120000"}

    second = embedded.json("run", photos)

    assert (first["tagged"], first["skipped"]) == (1, 3)
    assert over == {"heavy.jpg": "too_large", "no picture.jpg": "unsupported_format", "wide.png": "too_many_pixels"}
    assert (second["new"], second["tagged"], second["skipped"]) == (0, 2, 0)


def test_an_archived_image_ends_at_once_and_is_tagged_after_it_was_restored(embedded: Deployment) -> None:
    file = BytesIO()
    Image.new("RGB", (60, 90), "red").save(file, "JPEG")
    with FaultyS3() as server:
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            server.put(name, file.getvalue() + name.encode())
        for name in ("a.jpg", "b.jpg"):
            server.script(name, *[Fault(status=403, code="InvalidObjectState")] * 2)  # for the quick GET, and boto3's
        embedded.settings |= {
            "TAGGER_S3_ENDPOINT_URL": server.url,
            "TAGGER_S3_ACCESS_KEY_ID": "key",
            "TAGGER_S3_SECRET_ACCESS_KEY": "secret",
        }
        first = embedded.json("run", "s3://photos")
        archived = embedded.json("failures")

        second = embedded.json("run", "s3://photos")

    assert (first["tagged"], first["skipped"], first["quarantined"]) == (1, 2, 0)
    assert {(row["key"], row["reason"]) for row in archived} == {("a.jpg", "archived"), ("b.jpg", "archived")}
    assert all("restore it" in row["detail"] for row in archived)
    assert (second["new"], second["tagged"], second["skipped"]) == (0, 2, 0)


def test_a_deleted_folder_is_given_away_by_the_command_that_says_so(embedded: Deployment, folder: Path) -> None:
    embedded.json("scan", folder)
    shutil.rmtree(folder)

    refused = embedded.tagger("scan", folder)
    mistyped = embedded.tagger("scan", folder.with_name("fotos"), "--allow-mass-removal")
    allowed = embedded.json("scan", folder, "--allow-mass-removal")

    assert (refused.returncode, mistyped.returncode) == (3, 3)
    assert "--allow-mass-removal" in refused.stderr
    assert (allowed["seen"], allowed["gone"]) == (0, 10)
