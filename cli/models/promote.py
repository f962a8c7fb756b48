"""`tagger model promote` and `rollback`, and what `list` and `show` say about promotions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import actor, catalogue_if_any, load_settings, open_catalogue, refuse
from cli.options import AsLastLine

if TYPE_CHECKING:
    from db.promotions import Change
    from db.schema import ModelVersion
    from db.session import Sessions
    from model.bundle import Bundle
    from worker.settings import Settings

FROM_NOW_ON = "Runs opened from now on use it; no worker needs a restart."
SHOWN = 5  # changes in `tagger model show`


def promote(
    bundle: Annotated[str, typer.Argument(help="A bundle's name (the version trained last), name@version or folder.")],
    force: Annotated[bool, typer.Option("--force", help="Even if it is worse, or cannot be compared.")] = False,
    as_json: AsLastLine = False,
) -> None:
    """Make a bundle what its name alone stands for, unless it did worse on the test than the one it replaces."""
    from db.promotions import PromotionOvertaken
    from model.bundle import find, read
    from worker import promotion

    settings = load_settings()
    candidate = read(find(bundle, folders=settings.bundle_folders))
    sessions = catalogue_if_any(settings)
    proposal = promotion.propose(settings, sessions, candidate)
    replaced = proposal.replaced
    if proposal.is_promoted:
        _print(as_json, f"{candidate.id} is promoted already", model=candidate.id, changed=False)
        return
    if proposal.objection and not force:
        raise refuse(f"{proposal.objection}; --force promotes it all the same", code=1)
    try:
        promotion.promote(sessions or open_catalogue(settings, create=True), proposal, actor=actor())
    except PromotionOvertaken as error:
        raise refuse(str(error), code=1) from error
    _print(
        as_json,
        f"{candidate.id} is promoted{f' in place of {replaced}' if replaced else ''}. {FROM_NOW_ON}",
        model=candidate.id,
        changed=True,
        replaced=replaced,
        forced=proposal.objection is not None,
        comparison=proposal.detail,
    )
    _warn_of_place(settings, candidate)


def rollback(
    name: Annotated[str | None, typer.Argument(help="A bundle's name. Default: that in TAGGER_MODEL.")] = None,
    as_json: AsLastLine = False,
) -> None:
    """Go back to the version that a name stood for before its last promotion; called again, one step further back."""
    from db.promotions import NothingBefore, PromotionOvertaken
    from worker import promotion

    settings = load_settings()
    name = (name or settings.model).partition("@")[0]
    try:
        restored, replaced = promotion.roll_back(settings, open_catalogue(settings), name, actor=actor())
    except (NothingBefore, PromotionOvertaken) as error:
        raise refuse(str(error), code=1) from error
    text = f"{restored.bundle_id} is promoted again, in place of {replaced.bundle_id}. {FROM_NOW_ON}"
    _print(as_json, text, model=restored.bundle_id, changed=True, replaced=replaced.bundle_id)


def with_promotions(
    rows: Sequence[dict[str, Any]], sessions: Sessions | None, folders: Sequence[Path]
) -> list[dict[str, Any]]:
    """Mark which rows of `tagger model list` are promoted, and add the promoted bundles that are not among them."""
    from db import promotions
    from db.session import reading

    if sessions is None:
        return [row | {"promoted": False} for row in rows]
    with reading(sessions) as session:
        models = {model.bundle_id: model for model in promotions.promoted(session).values()}
    listed = {row["model"] for row in rows}
    elsewhere = [_elsewhere(model, folders) for bundle_id, model in models.items() if bundle_id not in listed]
    return [row | {"promoted": row["model"] in models} for row in (*rows, *elsewhere)]


def lines_of_history(changes: Sequence[Change]) -> Iterator[str]:
    """Describe the last changes, the newest first."""
    from db import actors

    for change in changes[: -SHOWN - 1 : -1]:
        how = "went back to" if change.action == "rollback" else "promoted by force" if change.forced else "promoted"
        place = f" in place of {change.replaced.bundle_id}" if change.replaced else ""
        who = actors.name_of(change.actor)
        yield f"{change.at:%Y-%m-%d %H:%M} UTC  {who} {how} {change.model.bundle_id}{place}"
    if len(changes) > SHOWN:
        yield f"… and {len(changes) - SHOWN} before: tagger model show --json"


def history_as_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Convert all changes, the oldest first."""
    return [
        {
            "action": change.action,
            "model": change.model.bundle_id,
            "replaced": change.replaced.bundle_id if change.replaced else None,
            "by": change.actor,
            "at": change.at.isoformat(timespec="seconds"),
            "forced": change.forced,
            "comparison": change.detail,
        }
        for change in changes
    ]


def _elsewhere(model: ModelVersion, folders: Sequence[Path]) -> dict[str, Any]:
    from model.bundle import BundleError
    from model.summary import of_folder
    from worker.bundle_lookup import resolve_version

    try:
        return of_folder(resolve_version(model, folders).folder)
    except BundleError as error:
        return {"model": model.bundle_id, "folder": model.location or "", "error": str(error)}


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


def _print(as_json: bool, text: str, **values: Any) -> None:
    print(json.dumps(values) if as_json else text)
