"""Products: which one a photograph shows, by its name. Without arrays, as every scan asks."""

import re


def product_of(name: str, pattern: str | None) -> str | None:
    """Find the group `product` of the pattern in `name`; None without a pattern or a match."""
    match = re.search(pattern, name) if pattern else None
    return match["product"] if match else None
