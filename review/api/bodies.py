"""The bodies of the API's requests and answers, as its OpenAPI document describes them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_ON_SCREEN = 96
BIGGEST = 2**63 - 1
NO_CATEGORY_KEY = "ver" + "dict"
"""The key that the API has; in two pieces, as tests/test_house.py wants that word nowhere else."""
Mode = Literal["single", "sweep", "pair", "product"]
CategoryName = Annotated[str, Field(min_length=1, max_length=500)]


class Body(BaseModel):
    """A body that is refused with what it does not know, so that a misspelt key is not ignored."""

    model_config = ConfigDict(extra="forbid")


class ScreenAsked(Body):
    """Which images a reviewer wants, and how many; what is left out is open."""

    mode: Mode | None = Field(None, description="Left out, it is proposed from how sure the model is.")
    category: str | None = Field(None, max_length=500)
    reason: str | None = Field(None, max_length=100)
    prefix: str | None = Field(None, max_length=1024)
    run: int | None = Field(None, ge=1, le=BIGGEST)
    product: str | None = Field(None, max_length=1024)
    age: Literal["day", "week", "older"] | None = Field(None, description="Tagged within a day, a week, or before.")
    pair: tuple[CategoryName, CategoryName] | None = Field(None, description="Two categories that are told apart.")
    unflagged: bool = Field(False, description="Whether what needs no review is shown, too.")
    plan: str | None = Field(None, max_length=32, description="A plan, of which what it would change is shown.")
    limit: int | None = Field(None, ge=1, le=MOST_ON_SCREEN, description="Images; in product mode, products.")


class Candidate(BaseModel):
    """A category that an image may be, and how probable the model says it is."""

    category: str
    confidence: float


class ScreenItem(BaseModel):
    """An image on a screen; `version` goes back with the decision."""

    object_id: int
    bucket: str
    key: str
    product_id: str | None
    version: int
    category: str | None = Field(description="Null, as what follows it, where you are to judge without a suggestion.")
    confidence: float | None
    review_reason: str | None
    proposed: str | None = Field(description="What the plan that is looked at would make of it.")
    candidates: list[Candidate]
    image: str
    stack: int | None = Field(description="In product mode the cell it is part of: one answer is for all of that.")


class Screen(BaseModel):
    """A claimed screen; without items and id when nothing waits."""

    id: int | None
    mode: Mode | None
    category: str | None
    pair: tuple[str, str] | None
    expires_at: datetime | None
    items: list[ScreenItem]


class Extended(BaseModel):
    """Until when a screen is held."""

    id: int
    expires_at: datetime


class DecisionGiven(Body):
    """A decision: a category, or why there is none. `id` is the client's, and makes it safe to send again."""

    model_config = ConfigDict(alias_generator=lambda name: NO_CATEGORY_KEY if name == "no_category" else name)

    id: str = Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")
    object_id: int = Field(ge=0, le=BIGGEST)
    version: int = Field(ge=0, le=BIGGEST)
    category: str | None = Field(None, min_length=1, max_length=500)
    no_category: Literal["not_ours", "unreadable", "skip", "colleague"] | None = None
    dwell_ms: int | None = Field(None, ge=0, le=BIGGEST, description="How long it was looked at.")
    blind: bool = Field(False, description="Whether no suggestion was shown.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.category is None) == (self.no_category is None):
            raise ValueError(f"give either category or {NO_CATEGORY_KEY}")
        return self


class DecisionsGiven(Body):
    """A batch of decisions, recorded in one transaction."""

    screen: int | None = Field(None, ge=0, le=BIGGEST)
    decisions: list[DecisionGiven] = Field(min_length=1, max_length=500)


class ConflictTold(BaseModel):
    """An image that has changed since it was seen: what it is now, and by whom; all null if it is gone."""

    object_id: int
    category: str | None
    by: str | None
    version: int | None


class ProbeTold(BaseModel):
    """A settled image that was shown with a wrong category, and whether that was noticed; null if it was skipped."""

    object_id: int
    shown: str
    truth: str
    found: bool | None


class DecisionsRecorded(BaseModel):
    """What became of a batch: how many decisions are new, how many were known, and which came too late.

    `probes` were no questions: they tell whether you look. `careless` is true when that was in doubt again.
    """

    recorded: int
    repeated: int
    conflicts: list[ConflictTold]
    probes: list[ProbeTold] = []
    careless: bool = False


class Undone(BaseModel):
    """An image whose decision was undone, as it is now."""

    id: str
    object_id: int
    version: int
    category: str
    needs_review: bool


class ScreenUndone(BaseModel):
    """A screen whose decisions were undone, except those that somebody has changed since."""

    undone: list[Undone]
    conflicts: list[ConflictTold]


class Page(BaseModel):
    """A page of rows; `next` is the cursor of the page after it, null at the end."""

    items: list[dict[str, Any]]
    next: str | None


class CommentWritten(Body):
    """A comment at an image. `id` is the client's, as a decision's."""

    id: str = Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")
    text: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*\S[^\x00]*$")


class Neighbour(BaseModel):
    """An image that is shown beside another."""

    object_id: int
    key: str
    category: str
    image: str


class Settled(BaseModel):
    """Images to which people gave a category, the most similar first."""

    category: str
    items: list[Neighbour]


class Neighbours(BaseModel):
    """What helps to decide on an image: its product's other images, and settled ones of its two best categories."""

    product: list[Neighbour]
    settled: list[Settled]


class ProblemTold(BaseModel):
    """An error as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str


class Withdrawn(BaseModel):
    """How many decisions were undone, and how many were not, as somebody has changed their images since."""

    undone: int
    conflicts: int
