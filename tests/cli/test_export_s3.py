"""`tagger export -o s3://…`: parts of bounded size, and a manifest that a reader may trust."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tracemalloc
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from cli import exporting
from cli.app import app
from cli.export_table import Table
from db.catalogue import EXPORT_COLUMNS
from db.session import Sessions, engine_of
from stack.servers import Seaweed
from tests.db.catalogues import Catalogue, a_catalogue, an_image_tagged
from worker.settings import Settings
from worker.storage.s3_upload import Upload
from worker.storage.store import StoreGone

pytestmark = [
    pytest.mark.usefixtures("connections_closed"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

KEYS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]


@pytest.fixture
def catalogue(sessions: Sessions, seaweed_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Tag five images, and let a part have two of them."""
    monkeypatch.setenv("TAGGER_DATABASE_URL", engine_of(sessions).url.render_as_string(hide_password=False))
    for name, value in seaweed_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(exporting, "PART_ROWS", 2)
    catalogue = a_catalogue(sessions)
    for key in KEYS:
        an_image_tagged(catalogue, key)
    return catalogue


@pytest.fixture(scope="module")
def bucket(seaweed_server: Seaweed) -> str:
    return seaweed_server.new_bucket()


def export(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", *arguments])


def keys_in(server: Seaweed, bucket: str, prefix: str) -> list[str]:
    listing = server.client().list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for entry in listing.get("Contents", ())]


def read(server: Seaweed, bucket: str, key: str) -> bytes:
    return bytes(server.client().get_object(Bucket=bucket, Key=key)["Body"].read())


def manifest_of(server: Seaweed, bucket: str, prefix: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(read(server, bucket, f"{prefix}manifest.json"))
    return manifest


def rows_in(content: bytes, format: str) -> list[dict[str, Any]]:
    if format == "csv":
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    if format == "jsonl":
        return [json.loads(line) for line in content.decode().splitlines()]
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_the_manifest_names_every_part_with_its_rows_bytes_and_sum(
    catalogue: Catalogue, seaweed_server: Seaweed, bucket: str, format: str
) -> None:
    done = export("--format", format, "-o", f"s3://{bucket}/{format}")

    assert done.exit_code == 0, done.output
    manifest = manifest_of(seaweed_server, bucket, f"{format}/")
    parts = [(file, read(seaweed_server, bucket, file["key"])) for file in manifest["files"]]
    assert [len(rows_in(content, format)) for _, content in parts] == [2, 2, 1]
    assert [row["key"] for _, content in parts for row in rows_in(content, format)] == KEYS
    for file, content in parts:
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert file["rows"] == len(rows_in(content, format))
    assert (manifest["format"], manifest["rows"], manifest["since"]) == (format, 5, None)
    assert manifest["columns"] == list(EXPORT_COLUMNS)
    assert manifest["tagger_version"]
    assert datetime.fromisoformat(manifest["created_at"]).tzinfo == UTC


def test_changes_go_on_from_the_cursor_of_a_manifest(
    catalogue: Catalogue, seaweed_server: Seaweed, bucket: str
) -> None:
    export("-o", f"s3://{bucket}/copy/")
    before = manifest_of(seaweed_server, bucket, "copy/")
    catalogue.decide(2, "Coat")

    done = export("--since", str(before["cursor"]), "--format", "jsonl", "-o", f"s3://{bucket}/copy/")

    after = manifest_of(seaweed_server, bucket, "copy/")
    changed = [row for file in after["files"] for row in rows_in(read(seaweed_server, bucket, file["key"]), "jsonl")]
    assert [(row["key"], row["category"], row["deleted"]) for row in changed] == [("b.jpg", "Coat", False)]
    assert done.stdout.strip() == str(after["cursor"])
    assert after["since"] == before["cursor"] < after["cursor"]
    earlier = [file["key"] for file in before["files"]]
    assert set(earlier) <= set(keys_in(seaweed_server, bucket, "copy/"))  # whoever reads them is not disturbed
    assert not set(earlier) & {file["key"] for file in after["files"]}


def test_an_export_of_nothing_is_a_manifest_without_files(
    catalogue: Catalogue, seaweed_server: Seaweed, bucket: str
) -> None:
    cursor = str(catalogue.value("SELECT max(id) FROM tag_event"))

    assert export("--since", cursor, "-o", f"s3://{bucket}/none/").exit_code == 0

    manifest = manifest_of(seaweed_server, bucket, "none/")
    assert (manifest["files"], manifest["rows"], str(manifest["cursor"])) == ([], 0, cursor)


@pytest.mark.parametrize("fails_at", [1, 2, 4])
def test_one_that_fails_leaves_no_manifest_and_says_what_lies_there(
    catalogue: Catalogue, seaweed_server: Seaweed, bucket: str, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    put, calls = Upload._put, []

    def failing(upload: Upload, key: str, *rest: Any) -> None:
        calls.append(key)
        if len(calls) == fails_at:
            raise StoreGone("the bucket is gone")
        put(upload, key, *rest)

    monkeypatch.setattr(Upload, "_put", failing)
    prefix = f"failing-{fails_at}/"

    done = export("-o", f"s3://{bucket}/{prefix}")

    assert done.exit_code == 3
    there = keys_in(seaweed_server, bucket, prefix)
    assert len(there) == fails_at - 1
    assert not any(key.endswith("manifest.json") for key in there)
    first, last = done.stderr.splitlines()
    assert last == "tagger: the bucket is gone"
    if there:
        lies_at = first.partition(f"s3://{bucket}/")[2].partition("*")[0]
        assert f"{len(there)} parts" in first
        assert all(key.startswith(lies_at) for key in there)
    else:
        assert first == "tagger: the export is not finished; nothing was written"


def test_an_impossible_bucket_is_told_in_words(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = export("-o", "s3:///prefix/")
    monkeypatch.setenv("TAGGER_S3_SECRET_ACCESS_KEY", "wrong")
    refused = export("-o", "s3://ready/exports/")

    assert (nowhere.exit_code, refused.exit_code) == (3, 3)
    assert "names no bucket" in nowhere.stderr
    assert "check TAGGER_S3_SECRET_ACCESS_KEY" in refused.stderr


@pytest.mark.parametrize(
    ("source", "output", "is_refused"),
    [
        ("s3://shop", "s3://shop/exports/", True),
        ("s3://shop/photos/", "s3://shop/photos", True),
        ("s3://shop/photos", "s3://shop/photos-exports/", True),  # a prefix is no folder
        ("s3://shop/photos/", "s3://shop/photos-exports/", False),
        ("s3://shop", "s3://shop-exports/", False),
        ("photos/", "s3://shop/photos/", False),
    ],
)
@pytest.mark.usefixtures("database_url")
def test_no_export_goes_where_scans_look_for_images(source: str, output: str, is_refused: bool) -> None:
    with pytest.raises(typer.Exit) if is_refused else nullcontext():
        exporting.check_target(output, Settings(source=source))


def test_memory_does_not_grow_with_the_rows(
    catalogue: Catalogue, seaweed_server: Seaweed, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PART_ROWS", 250)
    row = dict.fromkeys(EXPORT_COLUMNS, "x" * 800) | {"confidence": 0.5, "needs_review": True}
    row["tagged_at"] = datetime(2026, 11, 26, tzinfo=UTC)
    settings = Settings()

    def peak_of(rows: int) -> int:
        tracemalloc.start()
        try:
            table = Table((dict(row) for _ in range(rows)), "csv")
            exporting.write_parts(table, f"s3://{bucket}/big/", settings)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_of(10)  # imports, and the client's first request
    assert peak_of(1_500) < peak_of(300) + 1_000_000  # 9 MB as CSV
