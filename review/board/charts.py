"""Charts as inline SVG, made here, so that pages need neither scripts nor inline styles for them."""

from collections.abc import Sequence

from markupsafe import Markup

_WIDTH, _HEIGHT, _GAP = 100.0, 24.0, 0.25


def sparkline(values: Sequence[float | None], labels: Sequence[str], name: str) -> Markup:
    """Draw a column for each value, the newest last; None leaves a gap. Each column tells its label."""
    top = max((value for value in values if value), default=1.0)
    step = _WIDTH / max(len(values), 1)
    columns = [
        _column(place * step, step * (1 - _GAP), value / top, label)
        for place, (value, label) in enumerate(zip(values, labels, strict=True))
        if value is not None
    ]
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(f"{_WIDTH:g}", f"{_HEIGHT:g}", name, Markup().join(columns))


def share(part: float, name: str) -> Markup:
    """Draw a share of 1 as a bar."""
    width = f"{100 * min(max(part, 0.0), 1.0):.2f}"
    return Markup(
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="whole" width="100" height="8"/><rect width="{}" height="8"/></svg>'
    ).format(name, width)


def _column(left: float, width: float, height: float, label: str) -> Markup:
    tall = max(height * _HEIGHT, 0.75)
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        f"{left:.2f}", f"{_HEIGHT - tall:.2f}", f"{width:.2f}", f"{tall:.2f}", label
    )
