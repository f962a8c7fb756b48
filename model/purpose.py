"""What a bundle is for, in a sentence, so that a person can choose one."""

from collections.abc import Sequence

from model.bundle import Bundle

NAMED = 4  # categories named in a sentence
EXAMPLE = "Grey 28×28 pictures of garments as in Fashion-MNIST; an example, not for photographs of a shop"
"""Of the bundles of that data set, as those of before 2026-11-24 say nothing of it themselves."""


def of(bundle: Bundle) -> str:
    """Its own words; else what can be told from what it was trained with."""
    if bundle.purpose:
        return bundle.purpose
    data = bundle.training.get("data", {}).get("name")
    if data == "Fashion-MNIST":
        return EXAMPLE
    colour = "grey" if bundle.channels == 1 else "colour"
    learned = f", learned from {data}" if data else ""
    return f"{_listed(bundle.categories)} in {colour} pictures of {bundle.size}×{bundle.size}{learned}"


def _listed(categories: Sequence[str]) -> str:
    more = len(categories) - NAMED
    if more <= 1:
        return f"{', '.join(categories[:-1])} or {categories[-1]}" if len(categories) > 1 else categories[0]
    return f"{', '.join(categories[:NAMED])} or {more} others"
