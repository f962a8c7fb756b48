"""Checks: what contradicts or repeats, names that cause trouble, and categories that are too small."""

import pytest

from model.data.inspection.inspect import inspect
from tests.model.data.inspection.drawn import enough, good, of_kind, photograph


def test_one_picture_in_two_categories_is_left_out_of_both() -> None:
    copies = [photograph("left", "bag", 50, "JPEG"), photograph("right", "coat", 50)]

    result = inspect([*enough(), *copies])

    (finding,) = of_kind(result, "same_in_two_categories")
    assert finding.names == ("left", "right")
    assert finding.sentence.startswith("left (bag), right (coat) are the same picture: left out")
    assert result.categories == {"bag": 10, "coat": 10}


def test_a_picture_in_two_splits_stays_in_the_test() -> None:
    split = [photograph(name, "bag", 50 + len(name), split=name) for name in ("train", "validation", "test")]
    copies = [photograph(f"copy in {name}", "bag", 50 + 4, "JPEG", split=name) for name in ("train", "validation")]

    result = inspect([*good("bag", split="train"), *good("coat", first=10, split="train"), *split, *copies])

    (finding,) = of_kind(result, "same_in_two_splits")
    assert finding.names == ("test", "copy in train", "copy in validation")
    assert "kept only in test" in finding.sentence
    assert result.splits == {"train": 21, "validation": 1, "test": 1}


def test_the_same_bytes_in_a_category_are_kept_once() -> None:
    result = inspect([*enough(), photograph("bag3 copy", "bag", 3), photograph("bag3 copy (2)", "bag", 3)])

    (finding,) = of_kind(result, "repeated")
    assert finding.names == ("bag3", "bag3 copy", "bag3 copy (2)")
    assert len(result.photographs) == 20


def test_a_product_in_two_splits_is_reported_and_left_as_the_source_says() -> None:
    more = [photograph("front", "bag", 50, product="p", split="train")]
    more.append(photograph("back", "bag", 51, product="p", split="test"))

    result = inspect([*good("bag", split="train"), *good("coat", first=10, split="train"), *more])

    assert [finding.names for finding in of_kind(result, "product_in_two_splits")] == [("front", "back")]
    assert len(result.photographs) == 22


def test_a_category_of_three_images_stops_and_says_how_to_go_on() -> None:
    result = inspect([*enough(), *good("tall hat", 3, first=20)])

    (finding,) = of_kind(result, "too_few")
    assert finding.sentence == (
        "the category 'tall hat' has 3 photographs to train on, 10 are needed:"
        " add photographs, or leave it out with --leave-out 'tall hat'"
    )
    assert result.stops


def test_photographs_of_two_products_are_too_few_for_three_splits() -> None:
    one, two = good("hat", 6, first=20, product="a"), good("hat", 6, first=26, product="b")

    result = inspect([*enough(), *one, *two])

    assert "photographs of 2 distinct products, 3 are needed" in of_kind(result, "too_few")[0].sentence


def test_a_category_of_the_test_alone_cannot_be_trained() -> None:
    result = inspect([*good("bag", split="train"), *good("coat", first=10, split="test")])

    assert [finding.names for finding in of_kind(result, "too_few")] == [("coat",)]
    assert of_kind(result, "one_category")


def test_one_category_is_not_enough() -> None:
    result = inspect(good("bag"))

    assert [finding.sentence for finding in of_kind(result, "one_category")] == [
        "there is only 'bag': add photographs of a second category"
    ]
    assert result.stops


def test_nothing_at_all_stops_too() -> None:
    assert inspect([]).stops


@pytest.mark.parametrize("name", ["T-shirt/top", "T-shirt\\top", " coat", "coat\n"])
def test_a_name_that_no_folder_can_have_is_used_and_reported(name: str) -> None:
    result = inspect([*good("bag"), *good(name, first=10)])

    assert [finding.names for finding in of_kind(result, "name_with_slash")] == [(name,)]
    assert result.categories[name] == 10
    assert not result.stops
    assert all(line.isprintable() for line in result.lines())


def test_names_that_differ_in_case_alone_are_reported() -> None:
    result = inspect([*good("T-shirt"), *good("t shirt", first=10)])

    assert [finding.names for finding in of_kind(result, "same_name")] == [("T-shirt", "t shirt")]
