"""Actors of the audit trail, as its column holds them: `person:amina`, `run:7`."""

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

_PERSON = "person:"


def of_person(name: str) -> str:
    return f"{_PERSON}{name}"


def of_run(run_id: int) -> str:
    return f"run:{run_id}"


def name_of(actor: str) -> str:
    """Shorten a person to the bare name; keep any other actor as it is."""
    return actor.removeprefix(_PERSON)


def is_person(actor: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return actor.startswith(_PERSON)
