"""The reason that people give for what touches many images; it stays with the run."""

from typing import Annotated

import typer

ASKED_FROM = 1_000
"""More images than that are touched only for a reason that is told."""

Why = Annotated[str | None, typer.Option(help=f"Why; kept with the run. Needed for more than {ASKED_FROM:,} images.")]


def reason(why: str | None, touched: int) -> str:
    """Return the reason, or "" if few images are touched. Raises BadParameter if many are and none was given."""
    why = (why or "").strip()
    if touched > ASKED_FROM and not why:
        message = f"this touches {touched:,} images; say why, for example --why 'the studio changed its backdrop'"
        raise typer.BadParameter(message, param_hint="--why")
    return why
