"""Languages: every text of the pages is translated, and a browser gets the language that it asks for or chose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.checkers import python_format
from jinja2 import nodes
from starlette.datastructures import Headers

from review.locale.languages import DEFAULT, LANGUAGES, language_of
from review.templates import environment
from tests.review.clients import SAME_ORIGIN, Review
from tests.review.messages import REVIEW, read, template, untranslated

SWAHILI = {"Accept-Language": "sw-KE,sw;q=0.9,en;q=0.5"}
TEMPLATES = sorted(path.name for path in (REVIEW / "templates").glob("*.html"))
OTHERS = [language for language in LANGUAGES if language != DEFAULT]
READ_OUT = ("alt", "aria-label", "title", "placeholder", "data-label", "aria-description")
SAME_IN_ALL = {"UTC"}


class Texts(HTMLParser):
    """Collects what a page's markup itself says, outside of `_()`."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.said += [value for name, value in attrs if name in READ_OUT and value]

    def handle_data(self, data: str) -> None:
        if self._inside not in ("kbd", "script", "style"):
            self.said.append(data)


def texts_outside(source: str) -> list[str]:
    """List the texts of a template that are not translated: of its markup, and of its expressions."""
    tree = environment().parse(re.sub(r"{% block kind %}\w+{% endblock %}", "", source))  # a class of the page
    parser = Texts()
    parser.feed("".join(data.data for data in tree.find_all(nodes.TemplateData)))
    shown = [text for output in tree.find_all(nodes.Output) for node in output.nodes for text in literals(node)]
    words = [text.strip() for text in parser.said + shown]
    return [text for text in words if re.search(r"[^\W\d_]{2}", text) and text not in SAME_IN_ALL]


def literals(node: nodes.Node) -> Iterator[str]:
    """List the literal texts that an expression may show."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr | nodes.BinExpr | nodes.Concat):
        for child in node.iter_child_nodes(exclude=("test",)):
            yield from literals(child)
    elif isinstance(node, nodes.Filter) and node.node is not None:
        yield from literals(node.node)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_text_of_a_template_is_translated(name: str) -> None:
    source = (Path(REVIEW) / "templates" / name).read_text(encoding="utf-8")

    assert texts_outside(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello {{ name }}</p>",
        '<img alt="The {{ thing }}">',
        "{{ 'yes' if sure else _('no') }}",
        '{{ name or "unknown" }}',
        '{{ "low" | upper }}',
    ],
)
def test_a_text_that_is_not_translated_is_noticed(source: str) -> None:
    assert texts_outside(source)


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    said = {message.id for message in template() if message.id}
    catalogue = read(language)

    assert said - {message.id for message in catalogue} == set(), "run `make messages`"
    assert untranslated(catalogue) == [], f"translate these in review/locale/{language}.po"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_are_sure_and_have_the_places_of_their_texts(language: str) -> None:
    catalogue = read(language)

    for message in catalogue:
        if message.id and message.string:
            python_format(catalogue, message)
    assert not [message.id for message in catalogue if message.fuzzy and message.id]


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "sw"}, "sw"),
        ({"accept-language": "en;q=0.5, sw-TZ;q=0.8"}, "sw"),
        ({"accept-language": "fr, de;q=0.9"}, "en"),
        ({"accept-language": "sw;q=0, en"}, "en"),
        ({"accept-language": "sw;q=high, ;;, \x00"}, "en"),
        ({"accept-language": "en", "cookie": "tagger_language=sw"}, "sw"),
        ({"accept-language": "sw", "cookie": "tagger_language=../../etc"}, "sw"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_best_that_the_browser_asks_for(
    headers: dict[str, str], language: str
) -> None:
    assert language_of(Headers(headers)) == language


def test_pages_come_in_the_language_of_the_browser(review: Review) -> None:
    page = review.client.get("/login", headers=SWAHILI).text
    wrong = review.log_in(password="wrong", headers=SWAHILI).text
    review.log_in()
    queue = review.client.get("/", headers=SWAHILI).text

    assert '<html lang="sw">' in page
    assert ">Ingia</button>" in page
    assert ">Ingia</button>" in wrong
    assert f"Picha {len(review.ids)} zinasubiri kukaguliwa" in queue
    assert "uhakika mdogo" in queue
    assert '<html lang="en">' in review.client.get("/").text


def test_a_language_is_chosen_for_a_browser_and_leads_back(review: Review) -> None:
    chosen = review.client.post(
        "/language", data={"language": "sw", "next": "/login?next=/objects"}, headers=SAME_ORIGIN
    )

    assert (chosen.status_code, chosen.headers["location"]) == (303, "/login?next=/objects")
    assert '<html lang="sw">' in review.client.get("/login").text
    assert review.client.post("/language", data={"language": "xx"}, headers=SAME_ORIGIN).status_code == 422


def test_scripts_get_their_texts_as_data_of_the_page(review: Review) -> None:
    review.log_in()

    page = review.client.get("/screen", headers=SWAHILI).text

    data = re.findall(r'<script type="application/json" id="texts">(.*?)</script>', page)
    texts = json.loads(data[0])
    assert texts["Are all of these %(category)s?"] == "Je, zote hizi ni %(category)s?"
    assert texts["low confidence"] == "uhakika mdogo"
    assert "Nothing waits for review" not in texts  # which only a template says
    assert not re.search(r"<script(?![^>]*(?:application/json|src=))", page)
