"""Try it: photographs are classified and shown as the network saw them, within limits, and nothing is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from review.access.rates import Rate
from tests.conftest import SAMPLES
from tests.review.clients import SAME_ORIGIN, Review

PHOTOGRAPH = sorted(SAMPLES.glob("*.png"))[0]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("catalogue")]


def test_a_photograph_is_shown_with_its_category_and_what_the_network_saw(review: Review) -> None:
    review.log_in("a-viewer")
    stored, rows = files_below(review.folder), review.catalogue.value("SELECT count(*) FROM classification")
    photographs = [("photograph", ("<b>.png", PHOTOGRAPH.read_bytes())), ("photograph", ("evil.svg", SVG))]

    answer = review.client.post("/try", files=photographs, headers=SAME_ORIGIN)

    assert answer.status_code == 200
    assert answer.text.count('src="data:image/webp;base64,') == 1
    assert answer.text.count('class="pixels" src="data:image/png;base64,') == 1
    assert "&lt;b&gt;.png" in answer.text
    assert "unsupported format" in answer.text
    assert "<script>alert" not in answer.text
    assert "img-src 'self' data:;" in answer.headers["content-security-policy"]
    assert files_below(review.folder) == stored
    assert review.catalogue.value("SELECT count(*) FROM classification") == rows


def test_any_bundle_is_chosen_by_its_id_and_no_path_is(review: Review) -> None:
    review.log_in("a-viewer")
    model = review.client.app.state.parts.trials.bundles()[-1]  # type: ignore[attr-defined]
    photograph = {"photograph": ("a.png", PHOTOGRAPH.read_bytes())}

    chosen = review.client.post("/try", files=photograph, data={"model": model}, headers=SAME_ORIGIN)
    path = review.client.post("/try", files=photograph, data={"model": "model/bundles"}, headers=SAME_ORIGIN)

    assert f'value="{model}" selected' in chosen.text
    assert f'<p class="quiet">{model}</p>' in chosen.text
    assert path.status_code == 422


def test_photographs_are_limited_by_the_minute(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review.client.app.state.parts.trials, "_rate", Rate(0))  # type: ignore[attr-defined]

    answer = review.ask("POST", "classify", content=PHOTOGRAPH.read_bytes())

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
