"""Which bundle tags where nobody named one, and what others there are: for `tagger run`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.bundle import Bundle
    from worker.settings import Settings

SHOWN = 3  # other bundles named; `tagger model list` has all


def lines(settings: Settings, used: Bundle) -> Iterator[str]:
    """None where a person named the bundle, by `--model` or TAGGER_MODEL."""
    from model.bundle import available

    if "model" not in settings.model_fields_set:
        yield from lines_of(used, available(settings.bundle_folders))


def lines_of(used: Bundle, there: Sequence[Bundle]) -> Iterator[str]:
    """What is used and what it is for; then the others, each name once, by its version that was trained last."""
    from model.summary import purpose

    yield f"no model is named, so {used.id} tags ({purpose(used)})"
    in_time = sorted(there, key=lambda bundle: str(bundle.training.get("trained_at", "")))
    others = {bundle.name: bundle for bundle in in_time if bundle.name != used.name}
    for name in sorted(others)[:SHOWN]:
        yield f"or name another: --model {name} ({purpose(others[name])})"
    if len(others) > SHOWN:
        yield f"and {len(others) - SHOWN} more: tagger model list"
