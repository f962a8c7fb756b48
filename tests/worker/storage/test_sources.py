"""What a person may write as a source, and what is said when it is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from worker.storage.open import open_bucket, open_source
from worker.storage.store import S3Options, StorageError, StoreMisconfigured

NOWHERE = S3Options()


def test_a_folder_is_named_by_its_absolute_file_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my photos").mkdir()
    monkeypatch.chdir(tmp_path)

    buckets = {
        open_source(source, NOWHERE).bucket
        for source in ("my photos", "my photos/", "./my photos", (tmp_path / "my photos").as_uri())
    }

    assert buckets == {(tmp_path / "my photos").as_uri()}


def test_a_bucket_column_opens_the_store_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "a&b.jpg").write_bytes(b"photo")
    first = open_source(str(tmp_path), NOWHERE)
    (photo,) = next(first.list_pages())

    again = open_bucket(first.bucket, NOWHERE)

    assert again.read(photo.key, photo.version_token, max_bytes=10) == b"photo"
    assert open_bucket("photos", NOWHERE).bucket == "photos"


def test_an_s3_source_keeps_its_prefix_as_given() -> None:
    store = open_source("s3://photos/2026/shirts", NOWHERE)

    assert (store.bucket, store.prefix) == ("photos", "2026/shirts")
    assert open_source("s3://photos", NOWHERE).prefix == ""


@pytest.mark.parametrize(
    "source",
    ["", " ", "s3://", "s3:///key", "s3:photos", "http://x/photos", "gs://photos", "file://host/photos", "file:x"],
)
def test_a_malformed_source_says_what_a_source_is(source: str) -> None:
    with pytest.raises(StoreMisconfigured, match=r"name a folder .* or s3://bucket/prefix"):
        open_source(source, NOWHERE)


def test_a_folder_whose_name_fits_into_no_index_is_refused_with_its_remedy(tmp_path: Path) -> None:
    for source in (tmp_path / ("d" * 1000), tmp_path / ("\u00e9" * 170)):
        with pytest.raises(StoreMisconfigured, match="mount the folder at a shorter one"):
            open_source(str(source), NOWHERE)


def test_every_error_has_a_reason_that_the_catalogue_knows() -> None:
    reasons = {error.reason for error in _all_errors(StorageError)}

    assert reasons == {
        "not_found",
        "access_denied",
        "archived",
        "too_large",
        "changed_during_read",
        "unsupported_format",
        "key_not_supported",
        "store_unavailable",
    }


def test_no_secret_is_in_the_text_of_options() -> None:
    assert "swordfish" not in repr(S3Options(secret_access_key="swordfish"))


def test_a_folder_needs_no_boto3() -> None:
    code = (
        "import sys; from worker.storage.open import open_source; from worker.storage.store import S3Options;"
        "open_source('.', S3Options()).check(); sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)

    assert done.returncode == 0


def _all_errors(kind: type[StorageError]) -> list[type[StorageError]]:
    return [kind, *(error for sub in kind.__subclasses__() for error in _all_errors(sub))]
