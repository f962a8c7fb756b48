"""What `tagger run` says when no bundle was named: which one tags, and which others there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.bundle import Bundle
    from worker.settings import Settings

SHOWN = 3  # other bundles named; `tagger model list` has all


def lines(settings: Settings, used: Bundle) -> Iterator[str]:
    """Yield the hint; nothing if the user named the bundle with `--model` or TAGGER_MODEL."""
    from model.bundle import available

    if "model" not in settings.model_fields_set:
        yield from lines_of(used, available(settings.bundle_folders))


def lines_of(used: Bundle, bundles: Sequence[Bundle]) -> Iterator[str]:
    """Yield what the bundle used is for, then the other names, each described by the version trained last."""
    from model.summary import purpose

    yield f"no model is named, so {used.id} tags ({purpose(used)})"
    by_age = sorted(bundles, key=lambda bundle: str(bundle.training.get("trained_at", "")))
    others = {bundle.name: bundle for bundle in by_age if bundle.name != used.name}
    for name in sorted(others)[:SHOWN]:
        yield f"or name another: --model {name} ({purpose(others[name])})"
    if len(others) > SHOWN:
        yield f"and {len(others) - SHOWN} more: tagger model list"
