"""How figures are said: spans of time, shares, and large numbers."""

from datetime import datetime, timedelta

from review.locale.texts import gettext as _

_STEPS = ((86_400, 3_600), (3_600, 60), (60, 1))


def span(seconds: float) -> str:
    """Say a span of time by its two largest units."""
    left = round(seconds)
    units = (_("%(count)s d"), _("%(count)s h"), _("%(count)s min"), _("%(count)s s"))
    for place, (step, below) in enumerate(_STEPS):
        if left >= step:
            parts = [units[place] % {"count": f"{left // step:,}"}]
            if (rest := left % step // below) and left < 100 * step:
                parts.append(units[place + 1] % {"count": rest})
            return " ".join(parts)
    return units[-1] % {"count": left}


def age(at: datetime, now: datetime) -> str:
    """Say how long ago something was."""
    return span(max((now - at) / timedelta(seconds=1), 0))


def percent(share: float | None) -> str:
    """Say a share of 1."""
    return "–" if share is None else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """Say a number with its thousands apart."""
    return f"{value:,.0f}"
