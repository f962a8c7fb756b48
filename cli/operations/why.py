"""The reason that people give for what touches many images; it stays with the run."""

from typing import Annotated

import typer

Why = Annotated[str | None, typer.Option(help="Why; kept with the run. Needed for more than 1,000 images.")]


def reason(why: str | None, touched: int) -> str:
    """Return the reason, or "" if few images are touched. Raises BadParameter if many are and none was given."""
    from worker.operations import control

    try:
        return control.reason(why, touched)
    except control.WhyMissing as error:
        raise typer.BadParameter(str(error), param_hint="--why") from None
