"""`tagger model inspect` on a table, a bucket, and what people said of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.app import app
from db import migrations, objects
from db.objects import NewObject
from db.review import human_tags
from db.session import Sessions, connect, sessions_of
from stack.servers import Seaweed
from tests.cli.models.inspections import RUN, inspected, kinds, save, table
from tests.db.catalogues import LONG_AGO
from worker.storage.open import open_bucket, open_source
from worker.storage.store import S3Options

# Tables


def rows_of(folder: Path, names: dict[str, str]) -> list[tuple[str, str]]:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    return [(path, names[path.partition("/")[0]]) for path in paths]


NAMES = {"bag": "Bag", "coat": "T-shirt/top"}


def test_a_table_has_its_images_beside_it_or_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    rows = rows_of(folder, NAMES)

    beside = inspected(table(folder / "labels.csv", rows))
    elsewhere = inspected(table(tmp_path / "labels.csv", rows), "--images", folder)

    assert beside == elsewhere
    assert beside["categories"] == {"Bag": 10, "T-shirt/top": 10}
    assert kinds(beside) == {"name_with_slash": [["T-shirt/top"]]}


def test_a_key_without_an_image_is_left_out_and_told(folder: Path) -> None:
    rows = [*rows_of(folder, NAMES), ("bag/gone.jpg", "Bag"), ("../photos/bag/1.jpg", "Bag")]

    result = inspected(table(folder / "labels.csv", rows))

    reasons = [finding["sentence"].split(": ")[:2] for finding in result["findings"] if finding["kind"] == "unreadable"]
    assert reasons == [["bag/gone.jpg", "not_found"], ["../photos/bag/1.jpg", "not_found"]]


@pytest.fixture
def s3(seaweed_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """Make the settings name this server."""
    for name, value in seaweed_server.environment().items():
        monkeypatch.setenv(name, value)
    return seaweed_server


def uploaded(server: Seaweed, folder: Path, prefix: str) -> str:
    bucket = server.new_bucket()
    for path in sorted(folder.rglob("*.jpg")):
        key = prefix + path.relative_to(folder).as_posix()
        server.client().put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    return bucket


@pytest.mark.parametrize("images", ["s3://{}/shop/photos", "s3://{}/shop/photos/"])
def test_images_may_lie_in_a_bucket(s3: Seaweed, folder: Path, tmp_path: Path, images: str) -> None:
    bucket = uploaded(s3, folder, "shop/photos/")
    labels = table(tmp_path / "labels.csv", [*rows_of(folder, NAMES), ("bag/gone.jpg", "Bag")])

    result = inspected(labels, "--images", images.format(bucket), "--out", tmp_path / "out")

    assert result["usable"] == 20
    assert kinds(result)["unreadable"] == [["bag/gone.jpg"]]
    assert Path(result["report"]).is_file()


# The catalogue


@pytest.fixture
def catalogue(tmp_path: Path) -> Sessions:
    """Make the catalogue that is used where no settings name one."""
    engine = connect("sqlite:///tagger.db")
    migrations.upgrade(engine)
    return sessions_of(engine)


def scanned(sessions: Sessions, source: str, options: S3Options, product: str | None = None) -> dict[str, int]:
    """All objects of a source as new rows; their ids by key."""
    store = open_source(source, options)
    listed = [image for page in store.list_pages() for image in page]
    rows = [NewObject(image.key, image.version_token, image.size, LONG_AGO, product) for image in listed]
    with sessions.begin() as session:
        return objects.add(session, open_bucket(store.bucket, options).bucket, rows)


def decided(sessions: Sessions, ids: dict[str, int], category: str, begin: str) -> None:
    with sessions.begin() as session:
        for key, object_id in ids.items():
            if key.startswith(begin):
                human_tags.set_human_tag(session, object_id, category, person="amina", why="looked at it")


def test_what_people_said_of_the_catalogue_is_data(catalogue: Sessions, folder: Path) -> None:
    ids = scanned(catalogue, str(folder), S3Options())
    decided(catalogue, ids, "Bag", "bag/")
    decided(catalogue, ids, "Coat", "coat/")
    (folder / "coat" / "3.jpg").unlink()
    save(folder / "coat" / "4.jpg", 50, "PNG")

    result = inspected("catalogue", code=1)

    assert result["categories"] == {"Bag": 10, "Coat": 8}
    reasons = {finding["names"][0]: finding["sentence"].split(": ")[1] for finding in result["findings"][:2]}
    assert reasons == {"coat/3.jpg": "not_found", "coat/4.jpg": "changed_during_read"}


def test_the_catalogues_products_stay_together(catalogue: Sessions, folder: Path) -> None:
    ids = scanned(catalogue, str(folder), S3Options(), product="p1")
    decided(catalogue, ids, "Bag", "bag/")

    assert inspected("catalogue", code=1)["groups"] == 1


def test_the_catalogues_images_are_read_from_its_buckets(catalogue: Sessions, folder: Path, s3: Seaweed) -> None:
    options = S3Options(s3.url, "us-east-1", s3.access_key_id, s3.secret_access_key)
    for kind, category in (("bag", "Bag"), ("coat", "Coat")):
        bucket = uploaded(s3, folder / kind, "")
        decided(catalogue, scanned(catalogue, f"s3://{bucket}", options), category, "")

    result = inspected("catalogue")

    assert result["categories"] == {"Bag": 10, "Coat": 10}


def test_a_catalogue_without_a_persons_word_says_what_else_to_name(catalogue: Sessions, folder: Path) -> None:
    scanned(catalogue, str(folder), S3Options())

    done = RUN.invoke(app, ["model", "inspect", "catalogue"])

    assert done.exit_code == 3
    assert "nobody has categorized an image" in done.stderr
