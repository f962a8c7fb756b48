"""A shop tags with its own categories: from the settings to the export, with a person's word in between."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.catalogue import EXPORT_COLUMNS
from db.review.human_tags import set_human_tag
from db.session import connect, sessions_of
from model import bundle
from model.decisions.taxonomy import Taxonomy
from stack.servers import Seaweed, Valkey
from tests.conftest import ROOT
from tests.e2e.deployment import Deployment
from tests.e2e.test_bad_settings import refused

SAMPLES = ROOT / "samples"
SHOP = SAMPLES / "taxonomy.csv"


@pytest.fixture
def own(embedded: Deployment) -> Deployment:
    """Set the sample taxonomy, and coarse."""
    embedded.settings |= {"TAGGER_TAXONOMY": str(SHOP), "TAGGER_COARSE": "true"}
    return embedded


@pytest.fixture
def misfit(tmp_path: Path) -> str:
    """Make a taxonomy in which nothing is a bag."""
    path = tmp_path / "no-bag.csv"
    path.write_text("".join(line for line in SHOP.read_text().splitlines(True) if not line.startswith("bag,")))
    return str(path)


def exported(deployment: Deployment, *options: str) -> list[dict[str, str]]:
    done = deployment.tagger("export", *options)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


@contextmanager
def catalogue(deployment: Deployment) -> Iterator[Session]:
    engine = connect(f"sqlite:///{deployment.folder / 'tagger.db'}")
    with sessions_of(engine).begin() as session:
        yield session
    engine.dispose()


def rows(deployment: Deployment, sql: str) -> list[Any]:
    with catalogue(deployment) as session:
        return list(session.execute(text(sql)).all())


def test_a_run_tags_with_the_shops_categories_and_what_is_unsure_with_those_above(own: Deployment) -> None:
    result = own.json("run", SAMPLES / "images")
    tags = exported(own)
    classified = rows(own, "SELECT category, confidence, scores FROM classification")

    shop = Taxonomy.read(SHOP)
    coarse = [row for row in tags if row["review_reason"] == "coarse"]
    assert result["tagged"] == len(tags) == 100
    assert tuple(tags[0]) == EXPORT_COLUMNS
    assert {row["category"] for row in tags} <= {category.name for category in shop.categories}
    assert {row["category"] for row in coarse} == {"tops"}
    assert {row["needs_review"] for row in coarse} == {"true"}
    assert {row["category"] for row in tags if row["review_reason"] != "coarse"} >= {"shoes", "pants", "bag"}
    assert result["needs_review"] == sum(row["needs_review"] == "true" for row in tags)
    for category, confidence, scores in classified:
        assert len(json.loads(scores)) == 10
        if category == "shoes":
            assert abs(sum(json.loads(scores)[index] for index in (5, 7, 9)) - confidence) <= 2
    assert own.clean()


def test_titles_come_after_the_columns_that_other_programs_read(own: Deployment) -> None:
    own.json("run", SAMPLES / "images")

    plain, titled = exported(own), exported(own, "--language", "sw-TZ")
    as_json = own.tagger("export", "--format", "jsonl", "--language", "sw", "--category", "shoes").stdout
    own.tagger("export", "--format", "parquet", "--language", "de", "-o", own.folder / "tags.parquet")

    import pyarrow.parquet as pq

    assert tuple(titled[0]) == (*EXPORT_COLUMNS, "title")
    assert [{name: row[name] for name in EXPORT_COLUMNS} for row in titled] == plain
    assert {(row["category"], row["title"]) for row in titled} >= {("shoes", "Viatu"), ("pants", "Suruali")}
    assert {json.loads(line)["title"] for line in as_json.splitlines()} == {"Viatu"}
    assert "Schuhe" in pq.read_table(own.folder / "tags.parquet")["title"].to_pylist()


def test_a_language_that_is_not_there_or_no_taxonomy_is_told(own: Deployment) -> None:
    own.json("run", SAMPLES / "images", "--limit", "1")

    unknown = own.tagger("export", "--language", "fr")
    del own.settings["TAGGER_TAXONOMY"], own.settings["TAGGER_COARSE"]

    assert unknown.returncode == 2
    assert "it has en, sw, de" in " ".join(unknown.stderr.replace("│", " ").split())
    assert "TAGGER_TAXONOMY" in refused(own, "export", "--language", "sw")


def test_tags_of_before_stay_until_a_new_version_and_what_a_person_said_stays_for_good(
    own: Deployment, tmp_path: Path
) -> None:
    settings, own.settings = own.settings, {}
    own.json("run", SAMPLES / "images")
    [(trouser,)] = rows(own, "SELECT min(object_id) FROM image_tag WHERE category = 'Trouser' AND NOT needs_review")
    with catalogue(own) as session:
        set_human_tag(session, trouser, "kikoi", person="amina", why="seen")
    own.settings = settings
    copied = Path(shutil.copytree(bundle.find("fashion-mnist"), tmp_path / "copied"))
    later = bundle.save(replace(bundle.read(copied), name="later"), tmp_path / "later").folder

    again = own.json("run", SAMPLES / "images")
    between = {(row["category"], row["title"]) for row in exported(own, "--language", "sw")}
    own.json("run", SAMPLES / "images", "--model", later)
    after = {(row["category"], row["source"]) for row in exported(own)}

    assert again["tagged"] == 0
    assert {("Trouser", "Suruali"), ("kikoi", "Kikoi")} <= between
    assert {("pants", "model"), ("kikoi", "human")} <= after
    assert "Trouser" not in {category for category, _ in after}
    assert own.clean()


def test_a_product_of_merged_categories_is_one_thing(own: Deployment, tmp_path: Path) -> None:
    with (SAMPLES / "labels.csv").open(newline="", encoding="utf-8") as file:
        labels = {row["key"]: row["category"] for row in csv.DictReader(file)}
    for category in ("Sandal", "Sneaker", "Ankle boot"):
        key = next(key for key, label in labels.items() if label == category)
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copyfile(SAMPLES / "images" / key, tmp_path / "photos" / f"4711_{key}")
    own.settings["TAGGER_PRODUCT_PATTERN"] = "(?P<product>[^/_]+)_"

    own.json("run", tmp_path / "photos")

    [(product, category, images)] = rows(own, "SELECT product_id, category, images FROM product_tags")
    assert (product, category, images) == ("4711", "shoes", 3)


def test_workers_tag_as_a_single_process_does(
    own: Deployment, distributed: Deployment, seaweed_server: Seaweed
) -> None:
    distributed.settings |= own.settings
    bucket, client = seaweed_server.new_bucket(), seaweed_server.client()
    for file in sorted((SAMPLES / "images").iterdir()):
        client.put_object(Bucket=bucket, Key=file.name, Body=file.read_bytes())
    distributed.start_worker()

    elsewhere = distributed.json("run", f"s3://{bucket}/")
    here = own.json("run", SAMPLES / "images")

    assert (elsewhere["tagged"], elsewhere["needs_review"]) == (here["tagged"], here["needs_review"])
    what = ("key", "category", "confidence", "review_reason")
    assert [[row[name] for name in what] for row in exported(distributed)] == [
        [row[name] for name in what] for row in exported(own)
    ]
    assert distributed.clean()


@pytest.mark.parametrize("verb", ["run", "scan"])
def test_a_taxonomy_that_does_not_fit_is_told_before_anything_is_recorded(
    embedded: Deployment, misfit: str, verb: str
) -> None:
    embedded.settings["TAGGER_TAXONOMY"] = misfit

    assert "nothing stands for 'Bag'" in refused(embedded, verb, SAMPLES / "images")
    assert not (embedded.folder / "tagger.db").exists()


def test_workers_refuse_to_start_with_a_taxonomy_that_does_not_fit(
    embedded: Deployment, misfit: str, valkey_server: Valkey
) -> None:
    embedded.settings |= {"TAGGER_TAXONOMY": misfit, "TAGGER_BROKER_URL": valkey_server.url}

    assert "nothing stands for 'Bag'" in refused(embedded, "worker")


def test_a_bundle_without_its_place_is_not_promoted_and_doctor_says_so(embedded: Deployment, misfit: str) -> None:
    embedded.settings["TAGGER_TAXONOMY"] = misfit

    message = refused(embedded, "model", "promote", "fashion-mnist")
    doctor = embedded.tagger("doctor", "--json")

    assert "nothing stands for 'Bag'" in message
    assert doctor.returncode == 3
    [check] = [row for row in json.loads(doctor.stdout) if row["check"] == "taxonomy"]
    assert not check["ok"]
    assert "'Bag'" in check["detail"]


def test_coarse_alone_is_refused(embedded: Deployment) -> None:
    embedded.settings["TAGGER_COARSE"] = "true"

    message = refused(embedded, "run", SAMPLES / "images")

    assert "TAGGER_COARSE" in message
    assert "set TAGGER_TAXONOMY, too" in message
