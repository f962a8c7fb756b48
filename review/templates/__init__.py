"""The pages' templates, in HTML that escapes whatever it shows."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """Render a page; `person` is whoever is logged in, for its head."""
    page = _environment().get_template(template)
    common = {"person": getattr(request.state, "person", None), "path": request.url.path, "status": status}
    html = page.render(common | values)
    return HTMLResponse(html, status, headers)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
