"""`tagger reprocess`: classify images again, after a dry run that freezes which."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import actor, load_settings, open_catalogue, refuse
from cli.operations import selecting
from cli.operations.runs import find_run
from cli.operations.why import Why, reason
from cli.options import NAMED, AsLastLine
from cli.output import say, tell

if TYPE_CHECKING:
    from db.operations.selection import Selection
    from db.schema import Plan, Run
    from db.session import Sessions
    from worker.settings import Settings

Model = Annotated[str | None, typer.Option(help=NAMED)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only make a plan, and say what it would do.")]
Code = Annotated[str | None, typer.Option("--plan", metavar="P", help="Classify exactly what this dry run showed.")]
Strict = Annotated[bool, typer.Option("--strict", help="With --plan: nothing at all if any image has changed since.")]
Newest = Annotated[bool, typer.Option("--newest-first", help="Begin with the newest images.")]
Compare = Annotated[
    bool, typer.Option("--compare", help="With --dry-run: classify 500 of the images, and say which categories change.")
]
CompareAll = Annotated[bool, typer.Option("--compare-all", help="With --dry-run: the same with all of the images.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the run to its end; on memory:// it always is.")]


def reprocess(
    everything: selecting.All = False,
    failed: selecting.Failed = False,
    reasons: selecting.Reasons = None,
    failed_under: selecting.FailedUnder = None,
    missing: selecting.Missing = False,
    low_confidence: selecting.LowConfidence = False,
    unlike_training: selecting.UnlikeTraining = False,
    stale_model: selecting.StaleModel = False,
    model_was: selecting.ModelWas = None,
    categories: selecting.Categories = None,
    prefixes: selecting.Prefixes = None,
    products: selecting.Products = None,
    since: selecting.Since = None,
    of_runs: selecting.Runs = None,
    keys: selecting.Keys = None,
    plan: Code = None,
    strict: Strict = False,
    model: Model = None,
    newest_first: Newest = False,
    dry_run: DryRun = False,
    compare: Compare = False,
    compare_all: CompareAll = False,
    wait: Wait = False,
    why: Why = None,
    as_json: AsLastLine = False,
) -> None:
    """Classify images again, in the queue that goes before the nights. What people decided is left alone."""
    from db.operations.selection import Selection

    if (reasons or failed_under) and not failed:
        raise typer.BadParameter("they go with --failed", param_hint="--reason or --failed-under")
    if (compare or compare_all) and not dry_run:
        raise typer.BadParameter("it goes with --dry-run", param_hint="--compare")
    settings = load_settings(model=model)
    sessions = open_catalogue(settings)
    selection = Selection(
        everything=everything, failed=failed, missing=missing, low_confidence=low_confidence,
        unlike_training=unlike_training, stale_model=stale_model, reasons=tuple(reasons or ()),
        failed_under=tuple(failed_under or ()),
        models=tuple(model_was or ()), categories=tuple(categories or ()), prefixes=tuple(prefixes or ()),
        products=tuple(products or ()), since=selecting.moment(since), runs=_ids(sessions, of_runs or []),
        keys=selecting.keys_of(keys),
    )  # fmt: skip
    made = _plan(settings, sessions, plan, selection, newest_first=newest_first, alone=not (model or dry_run))
    if dry_run:
        compared = compare or compare_all or model is not None
        _print_plan(_compared(settings, sessions, made, compare_all) if compared else made, as_json)
    else:
        _open(settings, sessions, made, why=why, strict=strict, wait=wait or settings.embedded, as_json=as_json)


def _ids(sessions: Sessions, names: list[str]) -> tuple[int, ...]:
    from db.session import reading

    with reading(sessions) as session:
        return tuple(find_run(session, name, "--run").id for name in names)


def _plan(
    settings: Settings, sessions: Sessions, code: str | None, selection: Selection, *, newest_first: bool, alone: bool
) -> Plan:
    """Return the plan of an earlier dry run, or make one. Raises BadParameter."""
    from db.operations import plans
    from db.session import reading
    from worker import bundle_lookup
    from worker.bootstrap import check_taxonomy
    from worker.operations.reprocess import make_plan

    with reading(sessions) as session:
        if code is None:
            selecting.check(session, selection)
            _warn_of_unknown_keys(session, selection)
        elif not selection.is_empty or newest_first or not alone:
            raise typer.BadParameter("a plan has its images and model already; give it alone", param_hint="--plan")
        else:
            try:
                return plans.find(session, code)
            except plans.NoSuchPlan as error:
                raise typer.BadParameter(str(error), param_hint="--plan") from None
    bundle = bundle_lookup.resolve(settings.model, settings.bundle_folders, sessions)
    check_taxonomy(settings, bundle)
    return make_plan(sessions, selection, bundle, requested_by=actor(), newest_first=newest_first)


def _warn_of_unknown_keys(session: Any, selection: Selection) -> None:
    from db.operations.selection import unknown_keys

    unknown = unknown_keys(session, selection.keys)
    if unknown:
        few = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
        tell(f"tagger: {len(unknown):,} keys are of no image in the catalogue: {few}")


def _compared(settings: Settings, sessions: Sessions, plan: Plan, whole: bool) -> Plan:
    """Add to a plan which categories would change. Nothing is recorded of any image."""
    from cli.progress import counter
    from db.operations.samples import SAMPLE
    from worker.bootstrap import Classifiers, build_tagger
    from worker.operations.comparison import compare

    tagger = build_tagger(settings, sessions, Classifiers(settings, sessions))
    try:
        with counter("comparing", plan.figures["images"] if whole else min(SAMPLE, plan.figures["images"])) as advance:
            return compare(tagger, plan, whole=whole, on_image=advance)
    finally:
        tagger.close_decoders()
        tagger.pool.shutdown()


def _print_plan(plan: Plan, as_json: bool) -> None:
    figures = plan.figures
    if as_json:
        print(json.dumps({"plan": plan.code, **figures}))
        return
    print(f"Plan {plan.code}: {figures['images']:,} images; {figures['human_left_alone']:,} human tags are left alone.")
    for name, count in {**figures["by_category"], "without a tag": figures["untagged"]}.items():
        say(f"  {count:>9,}  {name}")
    states = ", ".join(f"{count:,} {state}" for state, count in figures["by_state"].items())
    print(f"Their last work: {states or 'none'}.")
    if "compared" in figures:
        say(f"Of {figures['compared']:,} images that were classified, {figures['unchanged']:,} keep their category.")
    for change in figures.get("changes", ()):
        say(f"  {change['expected']:>9,}  {change['from'] or 'without a tag'} → {change['to']}")
    if figures["expected_minutes"] is not None:
        print(f"Expected: {figures['expected_minutes']:,} minutes, at the pace of the last run.")
    if figures["expected_reviews"] is not None:
        print(f"Expected for review: {figures['expected_reviews']:,} images.")
    print(f"To do it: tagger reprocess --plan {plan.code}")


def _open(
    settings: Settings, sessions: Sessions, plan: Plan, *, why: str | None, strict: bool, wait: bool, as_json: bool
) -> None:
    from worker.bootstrap import Classifiers
    from worker.operations.reprocess import PlanChanged, open_plan

    if plan.figures["images"] == 0:
        print(json.dumps({"run": None, "plan": plan.code}) if as_json else "No image is meant; nothing is to be done.")
        return
    text = reason(why, plan.figures["images"])
    classifiers = Classifiers(settings, sessions)
    if settings.embedded:
        classifiers(plan.model_version_id)  # a bundle that cannot run is found before anything is queued
    try:
        run, is_new = open_plan(sessions, plan, actor=actor(), why=text, strict=strict)
    except PlanChanged as error:
        raise refuse(str(error), code=1) from None
    if not is_new:
        print(f"tagger: the plan {plan.code} was opened before, as run {run.id}", file=sys.stderr)
    counts = _follow(settings, sessions, run, plan, classifiers) if wait else {}
    result = {"run": run.id, "plan": plan.code, **_opened(run), **counts}
    print(json.dumps(result) if as_json else "  ".join(f"{name} {value}" for name, value in result.items()))
    raise typer.Exit(1 if counts.get("quarantined") else 0)


def _opened(run: Run) -> dict[str, int]:
    from db.operations.reprocess import LEFT_OUT

    return {name: run.counts[name] for name in ("queued", *LEFT_OUT)}


def _follow(settings: Settings, sessions: Sessions, run: Run, plan: Plan, classifiers: Any) -> dict[str, int]:
    """Wait for the end of the run, or do its work. Exit code 130 at Ctrl-C or SIGTERM."""
    from cli.tagging.follow import follow

    try:
        counts = follow(settings, sessions, run.id, classifiers)
    except KeyboardInterrupt as stop:
        print(f"tagger: {str(stop) or 'stopped'}. To go on: tagger reprocess --plan {plan.code}", file=sys.stderr)
        raise typer.Exit(130) from None
    return {name: counts[name] for name in ("tagged", "needs_review", "skipped", "quarantined")}
