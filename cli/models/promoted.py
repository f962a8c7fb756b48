"""What is promoted, told: for `tagger model list` and `show`, which need no catalogue, but tell more with one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from db import actors, promotions
from db.promotions import Change
from db.schema import ModelVersion
from db.session import Sessions, reading
from model.bundle import BundleError
from model.summary import of_folder
from worker.bundle_lookup import folder_of

SHOWN = 5  # changes that `tagger model show` tells


def id_of(model: ModelVersion) -> str:
    """As in the views: name@version."""
    return f"{model.name}@{model.version}"


def marked(rows: Sequence[dict[str, Any]], sessions: Sessions | None, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """The rows of `tagger model list`, each with `promoted`; promoted bundles that lie elsewhere, or nowhere, added."""
    if sessions is None:
        return [row | {"promoted": False} for row in rows]
    with reading(sessions) as session:
        models = promotions.promoted(session).values()
    wanted, listed = {id_of(model) for model in models}, {row["model"] for row in rows}
    elsewhere = [_elsewhere(model, folders) for model in models if id_of(model) not in listed]
    return [row | {"promoted": row["model"] in wanted} for row in (*rows, *elsewhere)]


def history_of(name: str, sessions: Sessions | None) -> list[Change]:
    """The changes of what a name stands for, the oldest first; none without a catalogue."""
    if sessions is None:
        return []
    with reading(sessions) as session:
        return promotions.history(session, name)


def lines_of_history(changes: Sequence[Change]) -> Iterator[str]:
    """The last of them, the newest first, for people."""
    for change in changes[: -SHOWN - 1 : -1]:
        how = "went back to" if change.action == "rollback" else "promoted by force" if change.forced else "promoted"
        place = f" in place of {id_of(change.replaced)}" if change.replaced else ""
        who = actors.name_of(change.actor)
        yield f"{change.at:%Y-%m-%d %H:%M} UTC  {who} {how} {id_of(change.model)}{place}"
    if len(changes) > SHOWN:
        yield f"… and {len(changes) - SHOWN} before: tagger model show --json"


def history_as_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """All of them, the oldest first."""
    return [
        {
            "action": change.action,
            "model": id_of(change.model),
            "replaced": id_of(change.replaced) if change.replaced else None,
            "by": change.actor,
            "at": change.at.isoformat(timespec="seconds"),
            "forced": change.forced,
            "comparison": change.detail,
        }
        for change in changes
    ]


def _elsewhere(model: ModelVersion, folders: Sequence[Path]) -> dict[str, Any]:
    try:
        return of_folder(folder_of(model, folders))
    except BundleError as error:
        return {"model": id_of(model), "folder": model.location or "", "error": str(error)}
