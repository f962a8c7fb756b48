"""Plans made and opened, as the command does it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from db.operations import control, plans
from db.operations.selection import Selection
from db.schema import Plan, Run
from tests.db.catalogues import Catalogue, ask
from worker.operations import reprocess as commands

AMINA = "person:amina"


def make(catalogue: Catalogue, *, version: str = "1", newest_first: bool = False, **given: Any) -> Plan:
    """Make a plan of a selection, by default of everything, with the bundle net@1."""
    bundle: Any = SimpleNamespace(name="net", version=version, folder=Path("/bundles/net"))
    selection = Selection(**(given or {"everything": True}))
    return commands.make_plan(catalogue.sessions, selection, bundle, requested_by=AMINA, newest_first=newest_first)


def open_plan(catalogue: Catalogue, plan: Plan, **options: Any) -> Run:
    run, _ = commands.open_plan(catalogue.sessions, plan, actor=AMINA, why="new lamps", **options)
    return run


def work_off(catalogue: Catalogue, run: Run, category: str = "Coat") -> list[str]:
    """Tag what a run holds, as workers do; returns the keys in the order of their claims."""
    keys = []
    while items := catalogue.claim(1, queue_name="ops", model_version_id=run.model_version_id):
        keys += [item.key for item in items]
        assert catalogue.record(items, category) == 1
    return keys


def left_out(run: Run) -> dict[str, int]:
    """Return what was left out of a plan, without what was not."""
    return {name: run.counts[name] for name in run.counts if name.startswith("left_") and run.counts[name]}


def figures(catalogue: Catalogue, code: str) -> Counter[str]:
    plan = ask(catalogue, plans.find, code)
    assert isinstance(plan, Plan)
    return Counter(plan.figures["by_category"])


def reread(catalogue: Catalogue, run: Run) -> Run:
    found = ask(catalogue, control.find, str(run.id))
    assert isinstance(found, Run)
    return found
