"""`tagger user`: who may review and operate, with which role, password and tokens."""

from __future__ import annotations

import getpass
import json
import sys
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.catalogue import print_table
from cli.context import load_settings, open_catalogue, refuse
from cli.errors import ReportingGroup
from cli.options import AsJson

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(cls=ReportingGroup, help="People who review and operate.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


class Role(StrEnum):
    """What a user may do; each may all that those before it may."""

    viewer = "viewer"
    reviewer = "reviewer"
    operator = "operator"
    admin = "admin"


class Scope(StrEnum):
    """What a token is for."""

    read = "read"
    review = "review"
    operate = "operate"
    admin = "admin"


@app.command(epilog="Example: tagger user add amina --role reviewer --password-stdin < password.txt")
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.reviewer,
    password_stdin: FromStdin = False,
) -> None:
    """Add a user. The password is asked for, or read from standard input."""
    from db.review import users
    from review.access.passwords import hashed

    sessions = open_catalogue(load_settings(), create=True)
    password_hash = hashed(_password(password_stdin))
    with sessions.begin() as session:
        users.add(session, name, role, password_hash)
        _note(session, "user_added", f"{name}: {role}")
    print(f"{name} has the role {role} now.")


@app.command("list", epilog="Example: tagger user list --json")
def list_(as_json: AsJson = False) -> None:
    """List all users with their roles."""
    from db.review import users
    from db.session import reading

    with reading(open_catalogue(load_settings())) as session:
        rows = [
            {
                "name": user.name,
                "role": user.role,
                "created_at": user.created_at.isoformat(),
                "disabled_at": user.disabled_at and user.disabled_at.isoformat(),
            }
            for user in users.all_of(session)
        ]
    if as_json:
        print(json.dumps(rows))
    else:
        print_table(rows, empty="There is no user yet: tagger user add NAME")


@app.command(epilog="Example: tagger user role amina operator")
def role(name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE", help="What the user may do.")]) -> None:
    """Give a user another role."""
    from db.review import users

    with open_catalogue(load_settings()).begin() as session:
        users.set_role(session, name, role)
        _note(session, "role_changed", f"{name}: {role}")
    print(f"{name} has the role {role} now.")


@app.command(epilog="Example: tagger user disable amina")
def disable(name: Name) -> None:
    """Refuse a user from now on, and end his sessions and tokens. A new password lets him in again."""
    from db.review import users

    with open_catalogue(load_settings()).begin() as session:
        users.disable(session, name)
        _note(session, "user_disabled", name)
    print(f"{name} is disabled.")


@app.command(epilog="Example: tagger user password amina --password-stdin < password.txt")
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Set a user's password, and end his sessions. It is asked for, or read from standard input."""
    from db.review import users
    from review.access.passwords import hashed

    sessions = open_catalogue(load_settings())
    with sessions() as session:
        user_id = users.find(session, name).id
    password_hash = hashed(_password(password_stdin))
    with sessions.begin() as session:
        users.set_password(session, user_id, password_hash)
        _note(session, "password_set", name)
    print(f"The password of {name} is set.")


@app.command(epilog="Example: tagger user token amina --scope read --scope review --days 30")
def token(
    name: Name,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What the token is for; may be repeated. Default: all that the role may.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is valid.")] = 90,
) -> None:
    """Make a token with which a program acts for a user. Standard output is the token alone; it is shown only now."""
    from db.review import access, users
    from review.access.auth import SCOPES

    with open_catalogue(load_settings()).begin() as session:
        user = users.find(session, name)
        if user.disabled_at is not None:
            raise refuse(f"{name} is disabled; `tagger user password {name}` lets him in again", code=1)
        allowed = SCOPES[user.role]
        wanted = [str(one) for one in scope] if scope else list(allowed)
        if more := sorted(set(wanted) - set(allowed)):
            raise refuse(f"a {user.role} may not {', '.join(more)}; `tagger user role` gives another role", code=1)
        secret = access.add_token(session, user.id, wanted, days)
        _note(session, "token_made", f"{name}: {', '.join(wanted)}")
    print(secret)


@app.command(epilog="Example: tagger user undo amina --since 2026-11-26T14:00")
def undo(
    name: Name,
    since: Annotated[str, typer.Option(metavar="T", help="From then on: 2026-11-26, or 2026-11-26T14:00 (UTC).")],
    until: Annotated[str | None, typer.Option(metavar="T", help="Only what was decided before that.")] = None,
    as_json: AsJson = False,
) -> None:
    """Undo all that a user decided in a time, as after a careless session. What others changed since is left."""
    from cli.context import actor
    from cli.operations.selecting import moment
    from db import actors
    from db.review import users
    from db.review.decisions import Reviewer
    from db.review.undoing import Chosen
    from review.truth.withdrawing import withdraw

    begin, end = (datetime.fromisoformat(text) if text else None for text in (moment(since), moment(until)))
    sessions = open_catalogue(load_settings())
    with sessions() as session:
        user_id = users.find(session, name).id
    result = withdraw(sessions, Reviewer(user_id, actors.name_of(actor())), Chosen(user_id, since=begin, until=end))
    if as_json:
        print(json.dumps(asdict(result)))
    else:
        print(f"{result.undone} decisions of {name} are undone; {result.conflicts} were left, as others decided since.")


@app.command(epilog="Example: tagger user owns amina Dress Shirt")
def owns(
    name: Name,
    categories: Annotated[list[str] | None, typer.Argument(metavar="CATEGORY…", help="Categories; none: list.")] = None,
    no_more: Annotated[bool, typer.Option("--no-more", help="Take the categories from the user.")] = False,
) -> None:
    """Give a user categories, whose images he is given before others; without categories, list his."""
    from db.review.truth import owners
    from review.categories import Categories

    settings = load_settings()
    sessions = open_catalogue(settings)
    wanted = categories or []
    names = Categories(settings, sessions).names() if wanted and not no_more else wanted
    if unknown := [category for category in wanted if category not in names]:
        raise refuse(f"there is no category {', '.join(unknown)}; there are {', '.join(names)}", code=1)
    with sessions.begin() as session:
        if wanted:
            (owners.take if no_more else owners.give)(session, name, wanted)
            _note(session, "categories_taken" if no_more else "categories_given", f"{name}: {', '.join(wanted)}")
        rows = [{"category": category} for owner, category in owners.owners(session) if owner == name]
    print_table(rows, empty=f"{name} owns no category.")


def _note(session: Session, act: str, about: str) -> None:
    """Note in the log, which administrators see in the review, what the caller of this command did."""
    from cli.context import actor
    from db.reporting import acts

    acts.note(session, actor(), act, about)


def _password(from_stdin: bool) -> str:
    """Read a password. Raises BadParameter for one that cannot be taken."""
    from review.access.passwords import fault_of

    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal it is read with --password-stdin", param_hint="password")
    else:
        given = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != given:
            raise typer.BadParameter("the two are not the same", param_hint="password")
    if (fault := fault_of(given)) is not None:
        raise typer.BadParameter(fault, param_hint="password")
    return given
