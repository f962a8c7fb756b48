"""Settings of the review."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class ReviewSettings(BaseSettings):
    """Where the small pictures are kept that reviewers see."""

    image_cache: Path | None = Field(
        None, description="A folder for the small pictures that reviewers see; unset: one in the user's cache."
    )
    image_cache_bytes: int = Field(500_000_000, ge=1_000_000, description="The most bytes that this folder takes.")

    @field_validator("image_cache")
    @classmethod
    def _is_at_home(cls, value: Path | None) -> Path | None:
        return value and value.expanduser()
