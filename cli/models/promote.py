"""`tagger model promote` and `rollback`: which version of a bundle its name alone stands for, and who decided so."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import actor, catalogue_if_any, load_settings, open_catalogue
from cli.options import AsLastLine

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.promotions import Standing
    from db.schema import ModelVersion
    from db.session import Sessions
    from model.bundle import Bundle
    from worker.settings import Settings

FROM_NOW_ON = "Runs opened from now on use it; no worker needs a restart."


def register(app: typer.Typer) -> None:
    """Add these verbs to `tagger model`."""
    app.command(epilog="Example: tagger model promote bundles/fashion-mnist")(promote)
    app.command(epilog="Example: tagger model rollback fashion-mnist")(rollback)


def promote(
    bundle: Annotated[str, typer.Argument(help="A bundle's name (the version trained last), name@version or folder.")],
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse, or cannot be compared.")] = False,
    as_json: AsLastLine = False,
) -> None:
    """Make a bundle what its name alone stands for, unless it did worse on the test than the one it replaces."""
    from cli.judging import able, found_by_name, judge
    from cli.models.promoted import id_of
    from model.bundle import find

    settings = load_settings()
    candidate = able(settings, find(bundle, folders=settings.bundle_folders))
    known = catalogue_if_any(settings)
    seen = _standing(known, candidate.name)
    if seen.model and id_of(seen.model) == candidate.id:
        _tell(as_json, f"{candidate.id} is promoted already", model=candidate.id, changed=False)
        return
    unpromoted = None if seen.model else found_by_name(settings, candidate)
    figures, objection = judge(settings, candidate, seen, unpromoted)
    if objection and not force:
        raise _refuse(f"{objection}; --force promotes it all the same")
    sessions = known or open_catalogue(settings, create=True)
    _record(sessions, seen, candidate, unpromoted, forced=objection is not None, detail=figures)
    before = id_of(seen.model) if seen.model else unpromoted.id if unpromoted else None
    _tell(
        as_json,
        f"{candidate.id} is promoted{f' in place of {before}' if before else ''}. {FROM_NOW_ON}",
        model=candidate.id,
        changed=True,
        replaced=before,
        forced=objection is not None,
        comparison=figures,
    )
    _warn_of_place(settings, candidate)


def rollback(
    name: Annotated[str | None, typer.Argument(help="A bundle's name. Default: that in TAGGER_MODEL.")] = None,
    as_json: AsLastLine = False,
) -> None:
    """Go back to the version that a name stood for before its last promotion; called again, one step further."""
    from cli.models.promoted import id_of
    from db import promotions

    settings = load_settings()
    sessions = open_catalogue(settings)
    seen = _standing(sessions, (name or settings.model).partition("@")[0])
    if seen.before is not None:
        _check_before(settings, seen.before)
    try:
        with sessions.begin() as session:
            model = promotions.roll_back(session, seen, actor=actor())
    except (promotions.NothingBefore, promotions.PromotionOvertaken) as error:
        raise _refuse(str(error)) from error
    replaced = id_of(seen.model) if seen.model else None
    text = f"{id_of(model)} is promoted again, in place of {replaced}. {FROM_NOW_ON}"
    _tell(as_json, text, model=id_of(model), changed=True, replaced=replaced)


def _standing(sessions: Sessions | None, name: str) -> Standing:
    from db import promotions
    from db.session import reading

    if sessions is None:
        return promotions.Standing(name)
    with reading(sessions) as session:
        return promotions.standing(session, name)


def _check_before(settings: Settings, before: ModelVersion) -> None:
    from cli.judging import able
    from model.bundle import BundleNotFound
    from worker.bundle_lookup import folder_of

    try:
        able(settings, folder_of(before, settings.bundle_folders))
    except BundleNotFound as error:
        raise BundleNotFound(
            f"{before.name}@{before.version}, which was promoted before, is not to be found: put its folder into the "
            "one that TAGGER_BUNDLES names, or promote another version"
        ) from error


def _record(
    sessions: Sessions, seen: Standing, candidate: Bundle, unpromoted: Bundle | None, *, forced: bool, detail: Any
) -> None:
    from db import promotions

    try:
        with sessions.begin() as session:
            promotions.promote(
                session,
                seen,
                _registered(session, candidate),
                actor=actor(),
                instead_of=_registered(session, unpromoted) if unpromoted else None,
                forced=forced,
                detail=detail,
            )
    except promotions.PromotionOvertaken as error:
        raise _refuse(str(error)) from error


def _registered(session: Session, bundle: Bundle) -> ModelVersion:
    from db.runs import register_model

    return register_model(session, bundle.name, bundle.version, str(bundle.folder.absolute()))


def _warn_of_place(settings: Settings, bundle: Bundle) -> None:
    from model.bundle import BundleNotFound, find

    try:
        find(bundle.id, folders=settings.bundle_folders)
    except BundleNotFound:
        print(
            f"tagger: it lies at {bundle.folder.absolute()}, where workers on other hosts do not find it: "
            "put it into the folder that TAGGER_BUNDLES names",
            file=sys.stderr,
        )


def _tell(as_json: bool, text: str, **values: Any) -> None:
    print(json.dumps(values) if as_json else text)


def _refuse(message: str) -> typer.Exit:
    """Raise what is returned (exit code 1)."""
    print(f"tagger: {message}", file=sys.stderr)
    return typer.Exit(1)
