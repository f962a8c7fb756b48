"""The pages' templates, in HTML that escapes whatever it shows, and texts in the language of the request."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from review.board.wording import number, percent, span
from review.locale.languages import LANGUAGES, current
from review.locale.texts import gettext, ngettext, script_texts, words


def render(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """Render a page; `person` is whoever is logged in, for its head."""
    page = environment().get_template(template)
    common = {
        "person": getattr(request.state, "person", None),
        "path": request.url.path,
        "here": f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
        "status": status,
        "language": current(),
        "languages": LANGUAGES,
    }
    html = page.render(common | values)
    return HTMLResponse(html, status, headers)


@cache
def environment() -> Environment:
    """Return the environment that the templates are rendered in."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {"words": words, "number": number, "percent": percent, "span": span}
    environment.globals["script"] = script
    return environment


def script(name: str) -> Markup:
    """Load a script, and before it the texts that it shows: as data, which the policy of the pages lets pass."""
    texts = htmlsafe_json_dumps(script_texts())
    data = Markup('<script type="application/json" id="texts">{}</script>').format(texts)
    return data + Markup('<script type="module" src="/static/{}"></script>').format(name)
