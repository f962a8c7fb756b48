"""`tagger runs`: list runs, look at one, pause, resume and cancel it, and write notes at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.catalogue import print_table
from cli.context import actor, load_settings, open_catalogue, refuse
from cli.errors import ReportingGroup
from cli.operations.why import Why, reason
from cli.options import AsJson
from cli.output import say

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.schema import ModelVersion, Run
    from db.session import Sessions

Name = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its logical key.")]
_SHOWN = ("id", "kind", "state", "model", "requested_by", "created_at", "tagged", "open", "skipped", "quarantined")


app = typer.Typer(cls=ReportingGroup, invoke_without_command=True, epilog="Example: tagger runs --limit 5 --json")


@app.callback()
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the newest runs, with their counts."""
    if context.invoked_subcommand is not None:
        return
    from db.reporting import overview
    from db.session import reading

    with reading(open_catalogue(load_settings(), read_only=True)) as session:
        rows = overview.list_runs(session, limit)
    if as_json:
        print(json.dumps(rows))
    else:
        print_table([{name: row[name] for name in _SHOWN} for row in rows], empty="There is no run yet.")


@app.command(epilog="Example: tagger runs show nightly:2026-11-22 --json")
def show(run: Name, as_json: AsJson = False) -> None:
    """Show a run: who asked for it, its items by state and reason, its pace, and the notes at it."""
    from db.reporting import overview
    from db.session import reading

    with reading(open_catalogue(load_settings(), read_only=True)) as session:
        shown = overview.show(session, find_run(session, run))
    if as_json:
        print(json.dumps(shown))
        return
    notes, reasons, found = shown.pop("notes"), shown.pop("reasons"), shown.pop("gate")
    shown |= {f"seconds to {stage}": round(spent_s, 1) for stage, spent_s in shown.pop("stages").items()}
    shown["gate"] = found and f"{found['action']}{', accepted' if found['accepted_at'] else ''}: {found['text']}"
    shown["selection"] = json.dumps(shown["selection"], ensure_ascii=False)
    rows = [{"": name.replace("_", " "), "value": value} for name, value in shown.items() if value is not None]
    rows += [
        {"": f"{state}: {why}", "value": n} for state, by_reason in reasons.items() for why, n in by_reason.items()
    ]
    print_table(rows)
    for note in notes:
        say(f"{note['at']:.16} {note['by']}, {note['action']}: {note['text']}")


@app.command(epilog="Example: tagger runs pause 7 --why 'the store is slow'")
def pause(run: Name, why: Why = None) -> None:
    """Pause a run: workers finish the chunk at hand and claim no more of it."""
    from worker.operations import control

    _change(run, why, control.pause, "is paused", "is paused already")


@app.command(epilog="Example: tagger runs resume 7 --accept 'new season'")
def resume(
    run: Name,
    why: Why = None,
    accept: Annotated[
        str | None, typer.Option(help="Let a night through that the gate found unusual, as a good one, and say why.")
    ] = None,
) -> None:
    """Go on with a run that was paused or cancelled, or that the gate holds."""
    from worker.operations import control

    if accept is not None and not _accept(run, accept):
        return
    why = accept or why
    _change(run, why, control.resume, "goes on", "goes on by itself; nothing keeps it")


@app.command(epilog="Example: tagger runs cancel 7 --why 'wrong model'")
def cancel(run: Name, why: Why = None) -> None:
    """Cancel what is still open of a run; what it has tagged so far stays. It can be resumed."""
    from worker.operations import control

    _change(run, why, control.cancel, "is cancelled", "is cancelled already")


@app.command(epilog="Example: tagger runs undo 7 --why 'wrong model' --json")
def undo(
    run: Annotated[str | None, typer.Argument(help="The run's id, or its logical key.")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of a run, all that this name@version tagged.")] = None,
    why: Why = None,
    as_json: AsJson = False,
) -> None:
    """Give each tag that a run changed its former value. What people decided since is left; an undo can be undone."""
    from db.operations.undo import COUNTS
    from worker.operations.undo import undo

    sessions = open_catalogue(load_settings())
    undone, text = _to_undo(sessions, run, model, why)
    done = undo(sessions, undone, actor=actor(), why=text)
    result = {"run": done.id, **{name: done.counts[name] for name in COUNTS}}
    print(json.dumps(result) if as_json else "  ".join(f"{name} {value}" for name, value in result.items()))


@app.command(epilog="Example: tagger runs note 7 'the studio changed its backdrop'")
def note(run: Name, text: Annotated[str, typer.Argument(help="What people should know of this run.")]) -> None:
    """Write a note at a run, which later reports show."""
    from db.operations import notes

    with open_catalogue(load_settings()).begin() as session:
        found = find_run(session, run)
        notes.add(session, found.id, text, actor=actor())
    print(f"Noted at run {found.id}.")


def _accept(name: str, why: str) -> bool:
    """Accept what the gate found at a run; whether it has still to end. Exit code 1 if the gate has found nothing."""
    from db.reporting import gate
    from db.session import reading
    from worker.operations import control

    if not why.strip():
        raise typer.BadParameter("say why the night is good", param_hint="--accept")
    sessions = open_catalogue(load_settings())
    with reading(sessions) as session:
        found = find_run(session, name)
        finding = gate.finding(session, found.id)
    if finding is None:
        raise refuse(f"the gate has found nothing unusual at run {found.id}; leave --accept out", code=1)
    if control.accept(sessions, found.id, actor=actor(), why=why):
        say(f"Run {found.id} is accepted: {why}")
    return found.state != "finished"


def _change(name: str, why: str | None, change: Callable[..., bool], done: str, was_so: str) -> None:
    """Change the state of a run and say what it is now. Exit code 1 if its state does not allow that."""
    from db.operations.control import RunRefused
    from db.session import reading
    from worker.operations.control import touched_by_change

    sessions: Sessions = open_catalogue(load_settings())
    with reading(sessions) as session:
        run = find_run(session, name)
        text = reason(why, touched_by_change(session, run))
    try:
        changed = change(sessions, run.id, actor=actor(), why=text)
    except RunRefused as error:
        raise refuse(str(error), code=1) from None
    print(f"Run {run.id} {done if changed else was_so}.")


def _to_undo(
    sessions: Sessions, name: str | None, model: str | None, why: str | None
) -> tuple[Run | ModelVersion, str]:
    """Return what to undo, and why. Exit code 1 if it may still tag. Raises BadParameter."""
    from db.operations import control, selection, undo
    from db.session import reading

    if (name is None) == (model is None):
        raise typer.BadParameter("name a run, or a model with --model", param_hint="RUN")
    with reading(sessions) as session:
        undone: Run | ModelVersion | None = None
        if name is not None:
            undone = run = find_run(session, name)
            try:
                undo.check(run)
            except control.RunRefused as error:
                raise refuse(str(error), code=1) from None
        elif model is not None:
            undone = selection.find_model(session, model)
        if undone is None:
            raise typer.BadParameter(
                f"the catalogue knows no {model}; `tagger runs` shows the models", param_hint="--model"
            )
        return undone, reason(why, undo.touched(session, undone, 100_000))


def find_run(session: Session, name: str, parameter: str = "RUN") -> Run:
    """Return the run with this id or logical key. Raises BadParameter."""
    from db.operations import control

    try:
        return control.find(session, name)
    except control.NoSuchRun as error:
        raise typer.BadParameter(str(error), param_hint=parameter) from None
