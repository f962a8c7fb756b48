"""What is mixed into a screen, so that nobody can tell: images without a suggestion, and probes."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from db.review import screens
from db.review.access import Person
from db.review.filters import Filters
from db.review.items import Item
from db.review.screens import Screen
from db.review.truth import probes
from db.session import reading
from review.parts import Parts

BLIND_SHARE = 1 / 12
"""Of the images in single mode, and of the screens whose mode is proposed, as long as something is to be seen blind."""
_FEWEST = 4
"""Images from which on a screen has probes: among fewer, one is known by its being one too many."""
_LOOKED_AT = 12


def by_chance(expected: float) -> int:
    """Return a whole number that is `expected` on average."""
    return int(expected + random.random())  # noqa: S311 -- chance, not a secret


def is_browser(person: Person) -> bool:
    """Tell whether a person looks at the screens, and not a program, which needs no probes and no second reading."""
    return person.scopes is None


def is_for_blind(parts: Parts, person: Person, filters: Filters) -> bool:
    """Tell whether this screen, whose mode is open, is to be one without suggestions."""
    if not by_chance(BLIND_SHARE):
        return False
    with reading(parts.sessions) as session:
        return screens.blind_wait(session, person.user_id, filters, doubles=is_browser(person))


def with_probes(
    parts: Parts, session: Session, person: Person, screen: Screen, mode: str, filters: Filters
) -> list[Item]:
    """Return a screen's images with probes among them, which are noted.

    A sweep's are all shown as of its category, a pair's as the other of the two. A plan's keep what they are, and are
    shown as what the plan would make of them all.
    """
    count = by_chance(len(screen.items) * parts.settings.probe_share)
    if not (count and is_browser(person) and _has_probes(screen, mode, filters)):
        return screen.items
    pair, category = filters.pair if mode == "pair" else None, filters.category
    truths = dict(probes.settled(session, person.user_id, but=category, among=pair, limit=_LOOKED_AT))
    settled = screens.items(session, list(truths))
    wrong = {item.object_id: _wrong(parts, item, category, pair) for item in settled}
    probed = [_shown_as(item, wrong[item.object_id], random.choice(screen.items)) for item in settled]  # noqa: S311
    chosen = sorted(probed, key=lambda item: not _is_thinkable(parts, item, truths[item.object_id]))[:count]
    rows = [(item.object_id, wrong[item.object_id], truths[item.object_id]) for item in chosen]
    probes.show(session, screen.id, person.user_id, rows)
    return _mixed(screen.items, [_as_it_is(item, truths) if filters.plan else item for item in chosen])


def _has_probes(screen: Screen, mode: str, filters: Filters) -> bool:
    """Tell whether probes would be like all else: not among few, nor where each cell is of several images."""
    if len(screen.items) < _FEWEST or (filters.plan is not None and (filters.category is None or mode == "pair")):
        return False
    stacks = Counter((item.bucket, item.product_id) for item in screen.items if item.object_id not in screen.alike)
    return mode != "product" or 1 in stacks.values()


def _mixed(items: Sequence[Item], others: Sequence[Item]) -> list[Item]:
    """Put some images at random places among others, which keep their order."""
    result = list(items)
    for other in others:
        result.insert(random.randint(0, len(result)), other)  # noqa: S311 -- chance, not a secret
    return result


def _wrong(parts: Parts, item: Item, category: str | None, pair: tuple[str, str] | None) -> str:
    """Choose as what a settled image is shown: the screen's category, the other of a pair, or what the model thinks."""
    if category is not None and pair is None:
        return category
    best: list[str] = [found["category"] for found in parts.categories.candidates(item)[1:]]
    names = [name for name in pair or parts.categories.names() if name != item.category]
    return next(iter([*([] if pair else best), random.choice(names)]))  # noqa: S311 -- chance, not a secret


def _shown_as(item: Item, category: str, like: Item) -> Item:
    """Make a settled image one of the others: with a wrong category, as sure and for the same reason as one of them."""
    return replace(item, category=category, confidence=like.confidence, review_reason=like.review_reason)


def _as_it_is(item: Item, truths: Mapping[int, str]) -> Item:
    return replace(item, category=truths[item.object_id])


def _is_thinkable(parts: Parts, item: Item, truth: str) -> bool:
    """Tell whether the true category is among the model's best beside the one that is shown."""
    return any(found["category"] == truth and found["confidence"] > 0 for found in parts.categories.candidates(item))
