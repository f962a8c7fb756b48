"""What a selection of images may say: only names that the catalogue knows."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from db import CatalogueError, catalogue
from db.operations.selection import Selection, has_model
from db.schema.vocabulary import REASONS


class SelectionWrong(CatalogueError):
    """A selection names what there is not. `option` is the command's option that it is about."""

    def __init__(self, message: str, option: str) -> None:
        super().__init__(message)
        self.option = option


def check(session: Session, selection: Selection) -> None:
    """Raise SelectionWrong for what the catalogue does not know: a misspelt name must not mean nothing to do."""
    if selection.is_empty:
        message = "say what to classify again: --all, --failed, --category C … (tagger reprocess --help)"
        raise SelectionWrong(message, "selection")
    for reason in selection.reasons:
        if reason not in REASONS:
            raise SelectionWrong(f"{reason!r} is not one of the reasons {', '.join(REASONS)}", "--reason")
    for model in selection.models:
        if not has_model(session, model):
            raise SelectionWrong(f"nothing was tagged by {model}; `tagger runs` shows the models", "--model-was")
    known = catalogue.categories(session) if selection.categories else []
    for category in selection.categories:
        if category not in known:
            message = f"no image has the category {category!r}; there are {', '.join(known) or 'none'}"
            raise SelectionWrong(message, "--category")


def moment(text: str) -> str:
    """Return a date or time as ISO 8601 with a zone, UTC unless it has one. Raises SelectionWrong."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no date or time; write 2026-11-22 or 2026-11-22T02:00"
        raise SelectionWrong(message, "--since") from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).isoformat()
