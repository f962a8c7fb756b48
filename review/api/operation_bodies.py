"""The bodies of the API's operations: runs, and plans to classify images again."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from review.api.bodies import BIGGEST, Body

WRITTEN = r"^[^\x00]*\S[^\x00]*$"
"""A text that says something, and that every database can hold."""
Name = Annotated[str, Field(min_length=1, max_length=500)]
Key = Annotated[str, Field(min_length=1, max_length=4096)]


class Why(Body):
    """Why a run is paused, resumed, cancelled or undone; it is noted at the run."""

    why: str | None = Field(None, max_length=1000, description="Needed for more than 1,000 images.")


class NoteWritten(Body):
    """A note at a run."""

    text: str = Field(min_length=1, max_length=1000, pattern=WRITTEN)


class NightsPaused(Body):
    """A pause of the nights: why, and until when if that is known."""

    why: str = Field(min_length=1, max_length=1000, pattern=WRITTEN)
    until: AwareDatetime | None = Field(None, description="With a zone. Left out: until somebody resumes.")


class PlanAsked(Body):
    """Which images to classify again: all that is given must hold, of several values for one thing any."""

    everything: bool = False
    failed: bool = False
    missing: bool = False
    low_confidence: bool = False
    unlike_training: bool = False
    stale_model: bool = False
    reasons: list[Name] = Field([], max_length=100, description="Why they failed; with `failed`.")
    models: list[Name] = Field([], max_length=100, description="Tagged by this name or name@version.")
    categories: list[Name] = Field([], max_length=1000)
    prefixes: list[Key] = Field([], max_length=100)
    products: list[Key] = Field([], max_length=1000)
    runs: list[Annotated[int, Field(ge=1, le=BIGGEST)]] = Field([], max_length=100)
    keys: list[Key] = Field([], max_length=5000)
    since: str | None = Field(None, max_length=40, description="New or changed since then, UTC unless it has a zone.")
    model: str | None = Field(None, max_length=200, description="What to classify with. Default: what tags now.")
    newest_first: bool = False
    compare: bool = Field(False, description="Classify a sample of 500 and say which categories change; see the plan.")


class RunAsked(Why):
    """A plan to be opened as a run; `strict`: not at all if any of its images has changed since."""

    plan: str = Field(min_length=1, max_length=40)
    strict: bool = False


class RunOpened(BaseModel):
    """A run that was opened from a plan."""

    id: int
    logical_key: str
    state: str
    plan: str


class PlanMade(BaseModel):
    """A plan: how many images it has and what to expect of it, as `tagger reprocess --dry-run --json` tells."""

    model_config = ConfigDict(extra="allow")

    plan: str
    images: int
    human_left_alone: int


class RunChanged(BaseModel):
    """A run after a change; `changed` is false if it was so before."""

    id: int
    state: str
    changed: bool


class RunUndone(BaseModel):
    """An undone run: the run that did it, and how many tags have their former value or were left, as people decided."""

    run: int
    restored: int
    left_human: int
