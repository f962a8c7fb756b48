"""May a bundle be promoted: can it run, and is it no worse than what it would replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from db.promotions import Standing
from model.bundle import Bundle, BundleError, find, read
from model.comparison import Comparison, NotComparable, compare
from worker.bootstrap import load_classifier, taxonomy_of
from worker.bundle_lookup import folder_of
from worker.settings import Settings


def able(settings: Settings, folder: Path) -> Bundle:
    """The bundle, after it has answered its golden images, with thresholds as the settings want them.

    Raises BundleError, and TaxonomyWrong where one is set that lacks some of its categories: what workers could not run
    must not be promoted.
    """
    return load_classifier(settings, folder, taxonomy_of(settings)).bundle


def found_by_name(settings: Settings, candidate: Bundle) -> Bundle | None:
    """What the name stands for as long as nothing is promoted, if that is another version."""
    try:
        found = read(find(candidate.name, folders=settings.bundle_folders))
    except BundleError:
        return None
    return None if found.id == candidate.id else found


def judge(
    settings: Settings, candidate: Bundle, seen: Standing, unpromoted: Bundle | None
) -> tuple[dict[str, Any], str | None]:
    """The figures of the comparison, and what speaks against the candidate.

    Where nothing is promoted yet, that there is nothing to compare with speaks against nobody.
    """
    try:
        incumbent = read(folder_of(seen.model, settings.bundle_folders)) if seen.model else unpromoted
        if incumbent is None:
            return {}, None
        found = compare(candidate, incumbent)
    except (NotComparable, BundleError) as error:
        objection = (
            f"{candidate.id} cannot be compared with what is promoted: {error}; look at both with "
            "`tagger model evaluate`, or train again what lacks the test"
        )
        return {"not_compared": str(error)}, objection if seen.model else None
    return found.as_json(), _worse(candidate, incumbent, found) if found.is_worse else None


def _worse(candidate: Bundle, incumbent: Bundle, found: Comparison) -> str:
    return (
        f"{candidate.id} is worse than {incumbent.id}: {found.accuracy:.2%} of {found.images:,} test images right, not "
        f"{found.accuracy_before:.2%}; {found.only_candidate} only by the new one, {found.only_incumbent} only by the "
        f"other (McNemar's test, p = {found.p_worse:.2g})"
    )
