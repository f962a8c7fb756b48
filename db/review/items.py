"""Items of screens: images with their tags and what the model last said of each."""

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
