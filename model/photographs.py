"""Photographs with labels, of which a model for one's own categories is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph whose category somebody has named.

    `name` is its key or its path in the folder, unlike any other's; `read` gives its bytes, and raises OSError or
    StorageError where there are none. `split` and `product` are None where the source does not say.
    """

    name: str
    category: str
    read: Callable[[], bytes]
    split: SplitName | None = None
    product: str | None = None
