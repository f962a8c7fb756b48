"""Settings of the review."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class ReviewSettings(BaseSettings):
    """Where the small pictures are kept that reviewers see, and what is shown to learn how true answers are."""

    image_cache: Path | None = Field(
        None, description="A folder for the small pictures that reviewers see; unset: one in the user's cache."
    )
    image_cache_bytes: int = Field(500_000_000, ge=1_000_000, description="The most bytes that this folder takes.")
    image_links_s: int | None = Field(
        None,
        ge=10,
        le=3600,
        description="Seconds for which a browser may fetch a large picture from the bucket itself.",
    )

    audit_share: float = Field(
        0.005, ge=0, le=1, description="The share of what passes without review that is reviewed all the same."
    )
    double_share: float = Field(
        0.01, ge=0, le=1, description="The share of what is reviewed that a second reviewer is shown as well."
    )
    probe_share: float = Field(
        0.04, ge=0, le=0.2, description="Settled images with a wrong category, to each image on a reviewer's screen."
    )
    owner_away_h: float = Field(
        24.0, ge=0, le=8760, description="Hours after which a category whose owners review nothing is for everybody."
    )

    @field_validator("image_cache")
    @classmethod
    def _is_at_home(cls, value: Path | None) -> Path | None:
        return value and value.expanduser()
