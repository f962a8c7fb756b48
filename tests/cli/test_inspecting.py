"""`tagger model inspect`, as a person types it: everything is told before any training starts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from db import catalogue as tags
from db import migrations, objects
from db.objects import NewObject
from db.session import Sessions, connect, sessions_of
from tests.db.catalogues import LONG_AGO
from tests.e2e.deployment import Deployment
from tests.model.pictures import encode, garment
from tests.servers import Seaweed
from worker.storage import S3Options, open_bucket, open_source

RUN = CliRunner()


def save(path: Path, seed: int, kind: str = "JPEG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(garment(seed), kind))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good categories of ten pictures."""
    for at in range(10):
        save(tmp_path / "photos" / "bag" / f"{at}.jpg", at)
        save(tmp_path / "photos" / "coat" / f"{at}.jpg", 10 + at)
    return tmp_path / "photos"


def inspected(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = RUN.invoke(app, ["model", "inspect", *map(str, arguments), "--json"])
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def kinds(found: dict[str, Any]) -> dict[str, list[list[str]]]:
    """The names of each finding, by kind."""
    by_kind: dict[str, list[list[str]]] = {}
    for each in found["findings"]:
        by_kind.setdefault(each["kind"], []).append(each["names"])
    return by_kind


def test_a_good_folder_could_be_trained_on(folder: Path) -> None:
    done = RUN.invoke(app, ["model", "inspect", str(folder)])

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "20 photographs, 20 of them can be used",
        "2 categories: bag 10, coat 10",
        "A training could start.",
    ]


def test_a_users_folder_with_everything_wrong_is_told_before_any_training(folder: Path, tmp_path: Path) -> None:
    (folder / "bag" / "broken.jpg").write_bytes((folder / "bag" / "1.jpg").read_bytes()[:500])
    for at in range(3):
        save(folder / "hat" / f"{at}.jpg", 20 + at)
    save(folder / "coat" / "long/coats" / "1.jpg", 30)
    save(folder / "coat" / "also a bag.png", 2, "PNG")
    save(folder / "bag" / "3 copy.jpg", 3)
    save(folder / "bag" / "10.jpg", 32)
    save(folder / "stray.jpg", 31)
    (folder / "scarf").mkdir()
    (folder / "README.md").write_text("not an image, and no trouble")

    done = RUN.invoke(app, ["model", "inspect", str(folder), "--out", str(tmp_path / "out")])
    found = inspected(folder, code=1)

    assert done.exit_code == 1
    assert kinds(found) == {
        "unreadable": [["bag/broken.jpg"]],
        "too_few": [["hat"]],
        "name_with_slash": [["coat/long"]],
        "same_in_two_categories": [["bag/2.jpg", "coat/also a bag.png"]],
        "repeated": [["bag/3.jpg", "bag/3 copy.jpg"]],
        "stray_file": [["stray.jpg"]],
        "empty_category": [["scarf"]],
    }
    for sentence in (
        "bag/broken.jpg: corrupt: ",
        "the category 'hat' has 3 photographs to train on, 10 are needed: add photographs, or leave it out with"
        " --leave-out hat",
        "the folder coat/long lies in that of a category: its files (1) count as coat",
        "bag/2.jpg (bag), coat/also a bag.png (coat) are one picture: left out, as nobody knows which is right",
        "A training would stop here",
        f"report: {tmp_path / 'out' / 'inspection.html'}",
    ):
        assert sentence in done.stdout
    assert json.loads((tmp_path / "out" / "inspection.json").read_text()) == found


def test_a_category_that_is_left_out_stops_nothing(folder: Path) -> None:
    save(folder / "hat" / "summer" / "1.jpg", 20)

    found = inspected(folder, "--leave-out", "hat")

    assert (found["given"], found["findings"], list(found["categories"])) == (20, [], ["bag", "coat"])


def test_the_splits_of_a_folder_are_kept_and_a_copy_in_two_is_told(folder: Path) -> None:
    (folder / "train").mkdir()
    for kind in ("bag", "coat"):
        (folder / kind).rename(folder / "train" / kind)
    save(folder / "test" / "bag" / "1.jpg", 40)
    save(folder / "test" / "bag" / "2.jpg", 2)
    save(folder / "train" / "bag" / "more.jpg", 41)
    (folder / "test" / "coat").mkdir()

    found = inspected(folder)

    assert found["splits"] == {"train": 20, "test": 2}
    assert kinds(found)["same_in_two_splits"] == [["train/bag/2.jpg", "test/bag/2.jpg"]]
    assert kinds(found)["empty_category"] == [["test/coat"]]


def test_the_shared_photographs_can_be_trained_on_but_for_one_pair(photos: Path) -> None:
    found = inspected(photos)

    assert (found["given"], found["usable"], len(found["categories"])) == (3781, 3779, 10)
    assert set(kinds(found)) == {"same_in_two_categories"}


# Tables


def table(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("key", "category"), *rows])
    return path


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

    found = inspected(table(folder / "labels.csv", rows))

    told = [each["sentence"].split(": ")[:2] for each in found["findings"] if each["kind"] == "unreadable"]
    assert told == [["bag/gone.jpg", "not_found"], ["../photos/bag/1.jpg", "not_found"]]


@pytest.fixture
def s3(seaweed_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """The settings name this server."""
    monkeypatch.setenv("TAGGER_S3_ENDPOINT_URL", seaweed_server.url)
    monkeypatch.setenv("TAGGER_S3_REGION", "us-east-1")
    monkeypatch.setenv("TAGGER_S3_ACCESS_KEY_ID", seaweed_server.access_key_id)
    monkeypatch.setenv("TAGGER_S3_SECRET_ACCESS_KEY", seaweed_server.secret_access_key)
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

    found = inspected(labels, "--images", images.format(bucket), "--out", tmp_path / "out")

    assert found["usable"] == 20
    assert kinds(found)["unreadable"] == [["bag/gone.jpg"]]
    assert Path(found["report"]).is_file()


# The catalogue


@pytest.fixture
def catalogue(tmp_path: Path) -> Sessions:
    """The one that the settings name when they name none."""
    engine = connect("sqlite:///tagger.db")
    migrations.upgrade(engine)
    return sessions_of(engine)


def scanned(sessions: Sessions, source: str, options: S3Options, product: str | None = None) -> dict[str, int]:
    """All objects of a source as new rows; their ids by key."""
    store = open_source(source, options)
    listed = [each for page in store.list_pages() for each in page]
    rows = [NewObject(each.key, each.version_token, each.size, LONG_AGO, product) for each in listed]
    with sessions.begin() as session:
        return objects.add(session, open_bucket(store.bucket, options).bucket, rows)


def decided(sessions: Sessions, ids: dict[str, int], category: str, begin: str) -> None:
    with sessions.begin() as session:
        for key, object_id in ids.items():
            if key.startswith(begin):
                tags.set_human_tag(session, object_id, category, person="amina", why="looked at it")


def test_what_people_said_of_the_catalogue_is_data(catalogue: Sessions, folder: Path) -> None:
    ids = scanned(catalogue, str(folder), S3Options())
    decided(catalogue, ids, "Bag", "bag/")
    decided(catalogue, ids, "Coat", "coat/")
    (folder / "coat" / "3.jpg").unlink()
    save(folder / "coat" / "4.jpg", 50, "PNG")

    found = inspected("catalogue", code=1)

    assert found["categories"] == {"Bag": 10, "Coat": 8}
    told = {each["names"][0]: each["sentence"].split(": ")[1] for each in found["findings"][:2]}
    assert told == {"coat/3.jpg": "not_found", "coat/4.jpg": "changed_during_read"}


def test_the_catalogues_products_stay_together(catalogue: Sessions, folder: Path) -> None:
    ids = scanned(catalogue, str(folder), S3Options(), product="p1")
    decided(catalogue, ids, "Bag", "bag/")

    assert inspected("catalogue", code=1)["groups"] == 1


def test_the_catalogues_images_are_read_from_its_buckets(catalogue: Sessions, folder: Path, s3: Seaweed) -> None:
    options = S3Options(s3.url, "us-east-1", s3.access_key_id, s3.secret_access_key)
    for kind, category in (("bag", "Bag"), ("coat", "Coat")):
        bucket = uploaded(s3, folder / kind, "")
        decided(catalogue, scanned(catalogue, f"s3://{bucket}", options), category, "")

    found = inspected("catalogue")

    assert found["categories"] == {"Bag": 10, "Coat": 10}


def test_a_catalogue_without_a_persons_word_says_what_else_to_name(catalogue: Sessions, folder: Path) -> None:
    scanned(catalogue, str(folder), S3Options())

    done = RUN.invoke(app, ["model", "inspect", "catalogue"])

    assert done.exit_code == 3
    assert "nobody has said a category" in done.stderr


# Wrong calls


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere is no folder: name one"),
        (["empty"], "make a sub-folder for each category"),
        (["bad.csv"], "bad.csv, line 3: the category is empty"),
        (["gone.csv"], "gone.csv cannot be read"),
    ],
)
def test_data_that_cannot_be_used_is_exit_code_3_and_one_line(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("key,category\na.jpg,Bag\nb.jpg,\n")

    done = RUN.invoke(app, ["model", "inspect", *arguments])

    assert done.exit_code == 3
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_source_that_is_not_there_is_exit_code_3_and_one_line(tmp_path: Path) -> None:
    table(tmp_path / "labels.csv", [("a.jpg", "Bag")])

    done = Deployment(tmp_path).tagger("model", "inspect", "labels.csv", "--images", "nowhere")

    assert done.returncode == 3
    assert "nowhere cannot be listed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["photos", "--images", "photos"],
        ["photos", "--leave-out", "hat"],
        ["photos", "--out", "photos/report"],
        ["s3://bucket/photos"],
        ["catalogue", "--images", "photos"],
        [],
    ],
    ids=[
        "images of a folder",
        "no such category",
        "into the photographs",
        "a bucket",
        "images of the catalogue",
        "none",
    ],
)
def test_a_wrong_call_is_exit_code_2(folder: Path, arguments: list[str]) -> None:
    assert folder == Path.cwd() / "photos"

    assert RUN.invoke(app, ["model", "inspect", *arguments]).exit_code == 2


def test_a_report_that_cannot_be_written_is_exit_code_3(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = RUN.invoke(app, ["model", "inspect", str(folder), "--out", str(tmp_path / "file" / "out")])

    assert done.exit_code == 3
    assert "name another folder" in done.stderr
