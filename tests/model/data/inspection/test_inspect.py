"""An inspection: which photographs are usable, why the others are not, and which stay together."""

from collections.abc import Callable

import pytest
from PIL import Image

from model.data.inspection.inspect import Inspection, inspect
from model.data.photographs import Photograph
from model.images.decoding import DecodeLimits, ImageRejected
from tests.model.data.inspection.drawn import enough, of_kind, photograph
from tests.model.pictures import encode, garment


def groups_of(result: Inspection) -> dict[str, int]:
    return dict(zip((photograph.name for photograph in result.photographs), result.groups.tolist(), strict=True))


def test_good_photographs_are_all_used_in_their_order() -> None:
    photographs = enough()
    done: list[tuple[int, int]] = []

    result = inspect(photographs, report_progress=lambda number, total: done.append((number, total)))

    assert result.photographs == tuple(photographs)
    assert result.labels.tolist() == [0] * 10 + [1] * 10
    assert len(set(result.groups.tolist())) == 20
    assert (result.findings, result.stops) == ((), False)
    assert done == [(number, 20) for number in range(1, 21)]


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

    result = inspect(
        [*enough(), *(Photograph(name, "bag", read) for name, read in broken.items())],
        limits=DecodeLimits(max_pixels=200 * 300),
    )

    reasons = {finding.names[0]: finding.sentence.split(": ")[1] for finding in of_kind(result, "unreadable")}
    assert reasons == {
        "broken": "corrupt",
        "empty": "empty",
        "huge": "too_many_pixels",
        "closed": "unreadable",
        "gone": "not_found",
    }
    assert len(result.photographs) == 20
    assert not result.stops


def test_a_store_that_is_down_ends_the_inspection() -> None:
    with pytest.raises(RuntimeError, match="down"):
        inspect([*enough(), Photograph("a", "bag", unreadable(RuntimeError("the store is down")))])


def test_pictures_that_look_the_same_and_images_of_a_product_are_one_group() -> None:
    more = [
        photograph("front", "bag", 50, product="p"),
        photograph("back", "bag", 51, product="p"),
        photograph("front again", "bag", 50, "JPEG"),
        photograph("another", "bag", 52),
    ]

    result = inspect([*enough(), *more])

    groups = groups_of(result)
    assert groups["front"] == groups["back"] == groups["front again"] != groups["another"]
    assert [finding.names for finding in of_kind(result, "look_alike")] == [("front", "front again")]
