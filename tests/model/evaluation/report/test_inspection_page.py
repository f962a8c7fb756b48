"""inspection.html and inspection.json: every finding, with pictures, on a page that needs no network."""

import json
from pathlib import Path

from model.data.inspection.findings import KINDS
from model.data.inspection.inspect import inspect
from model.data.photographs import Photograph
from model.evaluation.report.inspection_page import FIGURES, PAGE, SHOWN, write
from tests.model.data.inspection.drawn import enough, good, photograph


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
    result = inspect(photographs)

    write(tmp_path, result, photographs)

    figures = json.loads((tmp_path / FIGURES).read_text())
    assert (figures["given"], figures["usable"], figures["stops"]) == (27, 23, True)
    assert figures["categories"] == {"bag": 10, "coat": 10, "hat": 3}
    kinds = [finding["kind"] for finding in figures["findings"]]
    assert sorted(kinds) == ["repeated", "same_in_two_categories", "too_few", "unreadable"]


def test_a_long_page_is_cut_and_says_so(tmp_path: Path) -> None:
    photographs = [*enough(), *(Photograph(f"broken{number}", "bag", lambda: b"") for number in range(SHOWN + 7))]

    write(tmp_path, inspect(photographs), photographs)

    page = (tmp_path / PAGE).read_text()
    assert page.count("the file has no bytes") == SHOWN
    assert "And 7 more, in inspection.json" in page
