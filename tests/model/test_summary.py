"""The purpose of a bundle: its own words, kept with it, or a sentence made of what it says of itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from model import bundle as bundles
from model.bundle import Bundle
from model.classifier import Classifier
from model.decisions.taxonomy import Taxonomy
from model.summary import lines_of_file, of_prediction, purpose
from tests.model.pictures import encode, photograph
from tests.model.taxonomies import SAMPLE

OWN = "Photographs of clothes – on floors, beds and hangers – in ten categories"


@pytest.fixture(scope="module")
def plain(shipped: Classifier) -> Bundle:
    """Of data that nobody here knows."""
    return replace(shipped.bundle, training={"data": {"name": "photos"}})


def test_its_own_words_are_kept_in_the_bundle_and_are_part_of_its_version(bundle_copy: Path, tmp_path: Path) -> None:
    before = bundles.read(bundle_copy)

    saved = bundles.save(replace(before, purpose=OWN), tmp_path / "copy")

    assert saved.purpose == purpose(saved) == OWN
    assert saved.version != before.version


def test_the_shipped_bundle_is_called_an_example(shipped: Classifier) -> None:
    assert "not for photographs of a shop" in purpose(shipped.bundle)


def test_without_words_of_its_own_it_says_categories_colours_size_and_data(plain: Bundle) -> None:
    of_grey = "T-shirt/top, Trouser, Pullover, Dress or 6 others in grey pictures of 28×28, learned from photos"
    unknown = replace(plain, training={}, preprocessing=replace(plain.preprocessing, channels=3, size=160))

    assert purpose(plain) == of_grey
    assert purpose(unknown) == "T-shirt/top, Trouser, Pullover, Dress or 6 others in colour pictures of 160×160"


@pytest.mark.parametrize(
    ("names", "words"), [("a", "a in"), ("ab", "a or b in"), ("abcde", "a, b, c, d or e in"), ("abcdef", "or 2 others")]
)
def test_few_categories_are_all_named(plain: Bundle, names: str, words: str) -> None:
    assert words in purpose(replace(plain, categories=tuple(names)))


def test_a_summary_tells_the_leaf_what_is_above_it_and_why_it_was_not_taken(shipped: Classifier) -> None:
    own = Classifier.load(bundles.find("fashion-mnist"), taxonomy=Taxonomy.read(SAMPLE))
    image = own.prepare(encode(photograph(), "JPEG"))[None]
    plain, row = (of_prediction(classifier.classify(image)[0], classifier) for classifier in (shipped, own))

    lines = lines_of_file(
        row
        | {"category": "tops", "confidence": 0.97, "review_reason": "coarse", "threshold": 0.9}
        | {"leaf": "shirt", "best": {"shirt": 0.5, "t-shirt": 0.47}, "above": {"tops": 0.97}}
    )

    assert set(row) == {*plain, "leaf", "above"}
    assert row["best"][row["leaf"]] == max(row["best"].values())
    assert lines == (
        "tops 97.0%",
        "would be reviewed (coarse: shirt only 50.0%, under 90.0%)",
        "best: shirt 50.0%, t-shirt 47.0%",
        "above: tops 97.0%",
    )
