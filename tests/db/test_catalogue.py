"""What readers are shown of the catalogue: views, export, people's tags, failures."""

from __future__ import annotations

from datetime import UTC, datetime

from db import catalogue as reads
from db.queue import leases
from db.review.human_tags import HumanTag, human_tags
from tests.db.catalogues import LONG_AGO, Catalogue, an_image_tagged, reprocess


def test_catalogue_tags_shows_a_row_an_image_that_is_there(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "here.jpg", "Bag", 9731)
    an_image_tagged(catalogue, "gone.jpg", "Bag")
    catalogue.items("untagged.jpg")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone.jpg'", then=LONG_AGO)

    rows = catalogue.sql("SELECT bucket, key, category, confidence, source, model FROM catalogue_tags")

    assert [(*row[:3], float(row.confidence), *row[4:]) for row in rows] == [
        ("photos", "here.jpg", "Bag", 0.9731, "model", "net@1")
    ]


def test_product_tags_go_by_the_sum_of_confidences_over_all_images(catalogue: Catalogue) -> None:
    products(catalogue, p1=[("Bag", 9000), ("Shirt", 5000), ("Shirt", 6000)], p2=[("Coat", 8000)])

    rows = catalogue.sql("SELECT product_id, category, confidence, images FROM product_tags ORDER BY product_id")

    assert [(*row[:2], float(row.confidence), row.images) for row in rows] == [
        ("p1", "Shirt", 0.3667, 3),
        ("p2", "Coat", 0.8, 1),
    ]


def test_one_persons_word_outweighs_the_models_on_the_other_images(catalogue: Catalogue) -> None:
    ids = products(catalogue, p1=[("Bag", 9900), ("Bag", 9900), ("Bag", 9900)])
    catalogue.decide(ids[0], "Coat")

    (row,) = catalogue.sql("SELECT category, confidence, images_to_review FROM product_tags")

    assert (row.category, float(row.confidence), row.images_to_review) == ("Coat", 0.3333, 0)


def test_gone_images_have_no_vote_on_their_product(catalogue: Catalogue) -> None:
    ids = products(catalogue, p1=[("Bag", 9900), ("Coat", 5000)])
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE id = :id", then=LONG_AGO, id=ids[0])

    rows = catalogue.sql("SELECT category, images FROM product_tags")

    assert rows == [("Coat", 1)]


def products(catalogue: Catalogue, **images: list[tuple[str, int]]) -> list[int]:
    """Tagged images of each product; their ids."""
    ids = []
    for product, tags_of_images in images.items():
        for number, (category, confidence) in enumerate(tags_of_images):
            ids += catalogue.images(f"{product}-{number}.jpg", product=product)
            catalogue.enqueue(ids[-1:])
            catalogue.record(catalogue.claim(), category, confidence=confidence)
    return ids


# Reads


def test_export_gives_the_same_plain_values_on_both_databases(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "b.jpg", "Bag", 9731)
    object_id = an_image_tagged(catalogue, "a.jpg", "Bag")
    catalogue.decide(object_id, "Coat")

    with catalogue.sessions() as session:
        human, machine = reads.export_page(session)

    assert tuple(machine) == reads.EXPORT_COLUMNS
    assert type(machine["confidence"]) is float
    assert abs((machine.pop("tagged_at") - datetime.now(UTC)).total_seconds()) < 60
    assert machine == {
        "bucket": "photos",
        "key": "b.jpg",
        "product_id": None,
        "category": "Bag",
        "confidence": 0.9731,
        "needs_review": False,
        "review_reason": None,
        "source": "model",
        "model": "net@1",
    }
    assert (human["key"], human["source"], human["model"], human["confidence"]) == ("a.jpg", "human", None, 1.0)


def test_export_can_be_narrowed(catalogue: Catalogue) -> None:
    for key, category, unsure in (("a", "Bag", True), ("b", "Bag", False), ("c", "Coat", True)):
        catalogue.items(key)
        catalogue.record(catalogue.claim(), category, needs_review=unsure)

    with catalogue.sessions() as session:
        bags = [row["key"] for row in reads.export_page(session, category="Bag")]
        unsure = [row["key"] for row in reads.export_page(session, needs_review=True)]
        both = [row["key"] for row in reads.export_page(session, category="Bag", needs_review=True)]

    assert (bags, unsure, both) == (["a", "b"], ["a", "c"], ["a"])


def test_human_tags_are_what_people_said_of_images_that_are_there(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "machine.jpg")
    for key, product in (("b.jpg", "p1"), ("a.jpg", None), ("gone.jpg", None)):
        (object_id,) = catalogue.images(key, product=product, token=f"v of {key}")
        catalogue.decide(object_id, "T-shirt/top")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone.jpg'", then=LONG_AGO)

    with catalogue.sessions() as session:
        decisions = human_tags(session)

    assert decisions == [
        HumanTag("photos", "a.jpg", "v of a.jpg", None, "T-shirt/top"),
        HumanTag("photos", "b.jpg", "v of b.jpg", "p1", "T-shirt/top"),
    ]


def failures(catalogue: Catalogue, reason: str | None = None) -> list[tuple[str, str, str]]:
    with catalogue.sessions() as session:
        return [(row.key, row.state, row.reason) for row in reads.failures(session, reason)]


def fail(catalogue: Catalogue, key: str, reason: str) -> None:
    catalogue.items(key)
    catalogue.sql(
        "UPDATE work_item SET state = 'skipped', reason = :reason"
        " WHERE object_id = (SELECT id FROM source_object WHERE key = :key)",
        reason=reason,
        key=key,
    )


def test_failures_are_what_ended_without_a_tag_or_waits_to_be_tried_again(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "fine")
    fail(catalogue, "empty", "empty")
    fail(catalogue, "corrupt", "corrupt")
    catalogue.items("waiting", "new")
    waiting, _ = catalogue.claim()
    with catalogue.sessions.begin() as session:
        leases.retry(session, waiting, "store_unavailable", "503")

    assert failures(catalogue) == [
        ("corrupt", "skipped", "corrupt"),
        ("empty", "skipped", "empty"),
        ("waiting", "pending", "store_unavailable"),
    ]
    assert failures(catalogue, "empty") == [("empty", "skipped", "empty")]


def test_failures_of_gone_images_and_of_old_versions_are_no_longer_told(catalogue: Catalogue) -> None:
    fail(catalogue, "gone", "corrupt")
    fail(catalogue, "replaced", "corrupt")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone'", then=LONG_AGO)
    catalogue.overwrite(catalogue.value("SELECT id FROM source_object WHERE key = 'replaced'"), "replaced", "v2")

    assert failures(catalogue) == []


def test_a_failure_that_a_later_try_made_good_is_no_longer_told(catalogue: Catalogue) -> None:
    fail(catalogue, "a", "not_found")
    reprocess(catalogue, catalogue.value("SELECT id FROM source_object"), "Bag")

    assert failures(catalogue) == []
