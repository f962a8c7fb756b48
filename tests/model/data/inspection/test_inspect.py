"""Every photograph is looked at before a training: what is left out, what stays together, what stops."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from model.data.inspection.findings import KINDS, NAMED, Finding, lines
from model.data.inspection.inspect import Inspection, inspect
from model.data.photographs import Photograph
from model.evaluation.report.inspection_page import FIGURES, PAGE, SHOWN, write
from model.images.decoding import DecodeLimits, ImageRejected
from tests.model.pictures import encode, garment


def photograph(name: str, category: str, seed: int | Image.Image, kind: str = "PNG", **fields: Any) -> Photograph:
    image = garment(seed) if isinstance(seed, int) else seed
    return Photograph(name, category, lambda: encode(image, kind), **fields)


def good(category: str, count: int = 10, first: int = 0, **fields: Any) -> list[Photograph]:
    """Different pictures; of other categories, too, if `first` differs by `count`."""
    return [photograph(f"{category}{at}", category, first + at, **fields) for at in range(count)]


def enough() -> list[Photograph]:
    return good("bag") + good("coat", first=10)


def of_kind(found: Inspection, kind: str) -> list[Finding]:
    return [each for each in found.findings if each.kind == kind]


def groups_of(found: Inspection) -> dict[str, int]:
    return dict(zip((each.name for each in found.photographs), found.groups.tolist(), strict=True))


def test_good_photographs_are_all_used_in_their_order() -> None:
    photographs = enough()
    done: list[tuple[int, int]] = []

    found = inspect(photographs, report_progress=lambda at, total: done.append((at, total)))

    assert found.photographs == tuple(photographs)
    assert found.labels.tolist() == [0] * 10 + [1] * 10
    assert len(set(found.groups.tolist())) == 20
    assert (found.findings, found.stops) == ((), False)
    assert done == [(at, 20) for at in range(1, 21)]


def unreadable(error: Exception) -> Callable[[], bytes]:
    def read() -> bytes:
        raise error

    return read


def test_what_gives_no_image_is_left_out_with_its_reason() -> None:
    broken = {
        "broken": lambda: encode(garment(90), "JPEG")[:900],
        "empty": lambda: b"",
        "huge": lambda: encode(Image.new("RGB", (400, 400)), "PNG"),
        "closed": unreadable(PermissionError(13, "Permission denied")),
        "gone": unreadable(ImageRejected("not_found", "gone is not in the bucket")),
    }

    found = inspect(
        [*enough(), *(Photograph(name, "bag", read) for name, read in broken.items())],
        limits=DecodeLimits(max_pixels=200 * 300),
    )

    told = {each.names[0]: each.sentence.split(": ")[1] for each in of_kind(found, "unreadable")}
    assert told == {
        "broken": "corrupt",
        "empty": "empty",
        "huge": "too_many_pixels",
        "closed": "unreadable",
        "gone": "not_found",
    }
    assert len(found.photographs) == 20
    assert not found.stops


def test_a_store_that_is_down_ends_the_inspection() -> None:
    with pytest.raises(RuntimeError, match="down"):
        inspect([*enough(), Photograph("a", "bag", unreadable(RuntimeError("the store is down")))])


def test_one_picture_in_two_categories_is_left_out_of_both() -> None:
    copies = [photograph("left", "bag", 50, "JPEG"), photograph("right", "coat", 50)]

    found = inspect([*enough(), *copies])

    (finding,) = of_kind(found, "same_in_two_categories")
    assert finding.names == ("left", "right")
    assert finding.sentence.startswith("left (bag), right (coat) are the same picture: left out")
    assert found.categories == {"bag": 10, "coat": 10}


def test_a_picture_in_two_splits_stays_in_the_test() -> None:
    split = [photograph(name, "bag", 50 + len(name), split=name) for name in ("train", "validation", "test")]
    copies = [photograph(f"copy in {name}", "bag", 50 + 4, "JPEG", split=name) for name in ("train", "validation")]

    found = inspect([*good("bag", split="train"), *good("coat", first=10, split="train"), *split, *copies])

    (finding,) = of_kind(found, "same_in_two_splits")
    assert finding.names == ("test", "copy in train", "copy in validation")
    assert "kept only in test" in finding.sentence
    assert found.splits == {"train": 21, "validation": 1, "test": 1}


def test_the_same_bytes_in_a_category_are_kept_once() -> None:
    found = inspect([*enough(), photograph("bag3 copy", "bag", 3), photograph("bag3 copy (2)", "bag", 3)])

    (finding,) = of_kind(found, "repeated")
    assert finding.names == ("bag3", "bag3 copy", "bag3 copy (2)")
    assert len(found.photographs) == 20


def test_pictures_that_look_the_same_and_images_of_a_product_are_one_group() -> None:
    more = [
        photograph("front", "bag", 50, product="p"),
        photograph("back", "bag", 51, product="p"),
        photograph("front again", "bag", 50, "JPEG"),
        photograph("another", "bag", 52),
    ]

    found = inspect([*enough(), *more])

    groups = groups_of(found)
    assert groups["front"] == groups["back"] == groups["front again"] != groups["another"]
    assert [each.names for each in of_kind(found, "look_alike")] == [("front", "front again")]


def test_a_product_in_two_splits_is_told_and_left_as_the_source_says() -> None:
    more = [photograph("front", "bag", 50, product="p", split="train")]
    more.append(photograph("back", "bag", 51, product="p", split="test"))

    found = inspect([*good("bag", split="train"), *good("coat", first=10, split="train"), *more])

    assert [each.names for each in of_kind(found, "product_in_two_splits")] == [("front", "back")]
    assert len(found.photographs) == 22


def test_a_category_of_three_images_stops_and_says_how_to_go_on() -> None:
    found = inspect([*enough(), *good("tall hat", 3, first=20)])

    (finding,) = of_kind(found, "too_few")
    assert finding.sentence == (
        "the category 'tall hat' has 3 photographs to train on, 10 are needed:"
        " add photographs, or leave it out with --leave-out 'tall hat'"
    )
    assert found.stops


def test_photographs_of_two_products_are_too_few_for_three_splits() -> None:
    one, two = good("hat", 6, first=20, product="a"), good("hat", 6, first=26, product="b")

    found = inspect([*enough(), *one, *two])

    assert "photographs of 2 distinct products, 3 are needed" in of_kind(found, "too_few")[0].sentence


def test_a_category_of_the_test_alone_cannot_be_trained() -> None:
    found = inspect([*good("bag", split="train"), *good("coat", first=10, split="test")])

    assert [each.names for each in of_kind(found, "too_few")] == [("coat",)]
    assert of_kind(found, "one_category")


def test_one_category_is_not_enough() -> None:
    found = inspect(good("bag"))

    assert [each.sentence for each in of_kind(found, "one_category")] == [
        "there is only 'bag': add photographs of a second category"
    ]
    assert found.stops


@pytest.mark.parametrize("name", ["T-shirt/top", "T-shirt\\top", " coat", "coat\n"])
def test_a_name_that_no_folder_can_have_is_used_and_told(name: str) -> None:
    found = inspect([*good("bag"), *good(name, first=10)])

    assert [each.names for each in of_kind(found, "name_with_slash")] == [(name,)]
    assert found.categories[name] == 10
    assert not found.stops
    assert all(line.isprintable() for line in found.lines())


def test_names_that_differ_in_case_alone_are_told() -> None:
    found = inspect([*good("T-shirt"), *good("t shirt", first=10)])

    assert [each.names for each in of_kind(found, "same_name")] == [("T-shirt", "t shirt")]


def test_lines_name_a_few_and_count_the_rest() -> None:
    findings = [Finding("stray_file", f"{at}.jpg lies outside") for at in range(NAMED + 3)]

    told = list(lines(findings))

    assert told[0] == f"Images outside the category folders ({NAMED + 3}): not used"
    assert told[1:] == [*(f"  {at}.jpg lies outside" for at in range(NAMED)), "  and 3 more"]


def test_nothing_at_all_stops_too() -> None:
    assert inspect([]).stops


def everything_wrong() -> list[Photograph]:
    return [
        *enough(),
        Photograph("broken <b>", "bag", lambda: b"no image"),
        photograph("left", "bag", 50, "JPEG"),
        photograph("right", "coat", 50),
        photograph("bag3 copy", "bag", 3),
        *good("hat", 3, first=20),
    ]


def test_the_page_shows_what_contradicts_and_needs_no_network(tmp_path: Path) -> None:
    photographs = everything_wrong()

    page = write(tmp_path / "out", inspect(photographs), photographs).read_text()

    assert "Training cannot start" in page
    assert page.count("data:image/jpeg;base64,") == 4
    assert "broken &lt;b&gt;: unsupported_format" in page
    assert 'leave it out with <span class="whole">--leave-out</span> hat' in page
    assert all(KINDS[kind][0] in page for kind in ("too_few", "unreadable", "same_in_two_categories", "repeated"))
    assert "http" not in page.replace("http-equiv", "")


def test_the_figures_beside_it_hold_every_finding(tmp_path: Path) -> None:
    photographs = everything_wrong()
    found = inspect(photographs)

    write(tmp_path, found, photographs)

    figures = json.loads((tmp_path / FIGURES).read_text())
    assert (figures["given"], figures["usable"], figures["stops"]) == (27, 23, True)
    assert figures["categories"] == {"bag": 10, "coat": 10, "hat": 3}
    kinds = [each["kind"] for each in figures["findings"]]
    assert sorted(kinds) == ["repeated", "same_in_two_categories", "too_few", "unreadable"]


def test_a_long_page_is_cut_and_says_so(tmp_path: Path) -> None:
    photographs = [*enough(), *(Photograph(f"broken{at}", "bag", lambda: b"") for at in range(SHOWN + 7))]

    write(tmp_path, inspect(photographs), photographs)

    page = (tmp_path / PAGE).read_text()
    assert page.count("the file has no bytes") == SHOWN
    assert "And 7 more, in inspection.json" in page
