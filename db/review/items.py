"""Items of screens: images with their tags and what the model last said of each; and what is decided about them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """An image on a screen. Confidence and scores in 1e-4, these in the order of the bundle's categories."""

    object_id: int
    bucket: str
    key: str
    version_token: str
    product_id: str | None
    version: int
    category: str
    confidence: int
    review_reason: str | None
    model_version_id: int | None
    scores: list[int] | None
    ood_score: float | None
    fingerprint: bytes | None


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as it is sent: `key` is the client's and makes it idempotent, `version` the tag's that was seen.

    `outcome` is one of OUTCOMES, or "colleague", who is to decide instead; `category` is given only with "category",
    `screen_id` if the image was on a screen.
    """

    key: str
    object_id: int
    version: int
    outcome: str
    category: str | None = None
    screen_id: int | None = None
    how: str = "api"
    blind: bool = False
    dwell_ms: int | None = None
    suggested: str | None = None  # if something else than the tag was shown as the answer
