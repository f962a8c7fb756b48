"""How true the tags are: the live precision of what passes without review, and how far two people agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any

from sqlalchemy.orm import Session

from db.review.truth import agreement, audit
from db.review.truth.audit import AUDIT, FLAG

_Z = 1.959964
"""Of a normal distribution: 95 % lie within."""
_SMALL = 0.001
"""A share of the results that changes no accuracy to speak of, so that nothing has to be known of it."""


def quality(session: Session) -> dict[str, Any]:
    """Return the figures, each with its number of images and the ends of a 95 % interval."""
    rows = [dict(row._mapping) for row in session.execute(audit.outcomes())]
    return {
        "precision": _precision(rows),
        "models": _each(rows, "model"),
        "categories": _each(rows, "category"),
        "agreement": agreement_of(agreement.pairs(session)),
        "disagreements": [dict(row._mapping) for row in agreement.unsettled(session)],
    }


def accuracies(session: Session, flagged: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Return by model how much of what it lets pass, of what it flags, and of both is right; each with its interval.

    `flagged` is the share of each model's results that people are shown, audits among them. Only the models named there
    are told of. Audits stand for all that passed and reviews for all that was flagged, so both are weighed by their
    share of the results, not by how many were looked at.
    """
    audits, reviews = (_by_model(session, drawn) for drawn in (AUDIT, FLAG))
    return {model: _accuracy(audits[model], reviews[model], share) for model, share in flagged.items()}


def _by_model(session: Session, drawn: str) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in session.execute(audit.outcomes(drawn)):
        found[row.model].append(dict(row._mapping))
    return found


def _accuracy(audits: list[Mapping[str, Any]], reviews: list[Mapping[str, Any]], flagged: float) -> dict[str, Any]:
    sure = min((1 - flagged) / (1 - min(_audited_share(audits), 0.99)), 1.0)
    parts = [(share, _weighed(rows)) for share, rows in ((sure, audits), (1 - sure, reviews)) if share > _SMALL]
    images = sum(looked_at for _, (looked_at, _, _) in parts)
    known = all(right is not None for _, (_, right, _) in parts)
    right = sum(share * (right or 0.0) for share, (_, right, _) in parts) if known else None
    spread = sum(share**2 / effective for share, (_, _, effective) in parts if effective)
    overall = {"images": images, **_share(right, 1 / spread if spread else 0.0)}
    return {"sure": round(sure, 4), "passed": _precision(audits), "reviewed": _precision(reviews), "accuracy": overall}


def agreement_of(pairs: Iterable[tuple[str, str, int]]) -> dict[str, Any]:
    """Say how often two agree, and Cohen's kappa, which leaves out what chance would do; by category, too."""
    counts = Counter({(one, other): count for one, other, count in pairs})
    total, agreed = counts.total(), sum(count for (one, other), count in counts.items() if one == other)
    names = sorted({name for pair in counts for name in pair})
    return {"images": total, **_share(agreed / total if total else None, total), **kappa(counts)} | {
        "categories": [{"category": name, **kappa(_against_rest(counts, name))} for name in names]
    }


def kappa(counts: Mapping[tuple[str, str], int]) -> dict[str, float | None]:
    """Return Cohen's kappa with its large-sample interval (Fleiss, Cohen and Everitt 1969); None where it has none."""
    total = sum(counts.values())
    firsts, seconds = Counter[str](), Counter[str]()
    for (one, other), count in counts.items():
        firsts[one] += count
        seconds[other] += count
    names = {*firsts, *seconds}
    expected = sum(firsts[name] * seconds[name] for name in names) / total**2 if total else 1.0
    if expected >= 1:
        return dict.fromkeys(("kappa", "kappa_low", "kappa_high"))
    value = (sum(counts.get((name, name), 0) for name in names) / total - expected) / (1 - expected)
    spread = -((value - expected * (1 - value)) ** 2)
    for (one, other), count in counts.items():
        margins = (seconds[one] + firsts[other]) / total
        weight = (1 - margins * (1 - value)) ** 2 if one == other else (1 - value) ** 2 * margins**2
        spread += count / total * weight
    width = _Z * sqrt(max(spread, 0.0) / total) / (1 - expected)
    ends = {"kappa_low": max(value - width, -1.0), "kappa_high": min(value + width, 1.0)}
    return {name: round(number, 4) for name, number in ({"kappa": value} | ends).items()}


def wilson(share: float, images: float) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a share, which holds for few images and for shares near 1, too."""
    middle = (share + _Z**2 / (2 * images)) / (1 + _Z**2 / images)
    width = _Z / (1 + _Z**2 / images) * sqrt(share * (1 - share) / images + _Z**2 / (4 * images**2))
    return max(middle - width, 0.0), min(middle + width, 1.0)


def _each(rows: Iterable[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
    return [
        {name: value, **_precision(some)} for value, some in sorted(groups.items(), key=lambda group: str(group[0]))
    ]


def _precision(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    images, share, effective = _weighed(rows)
    return {"images": images, **_share(share, effective)}


def _weighed(rows: Iterable[Mapping[str, Any]]) -> tuple[int, float | None, float]:
    """Weigh each decision by one over its probability; as many images of one weight would be as sure (Kish 1965)."""
    images, weight, squares, right = 0, 0.0, 0.0, 0.0
    for row in rows:
        images += row["images"]
        weight += row["weight"]
        squares += row["squares"]
        right += row["weight"] if row["right"] else 0.0
    return images, (right / weight if weight else None), (weight**2 / squares if squares else 0.0)


def _audited_share(audits: Iterable[Mapping[str, Any]]) -> float:
    """Return the share of what passed that was drawn for an audit, as the audits tell."""
    rows = list(audits)
    weight = sum(row["weight"] for row in rows)
    return sum(row["images"] for row in rows) / weight if weight else 0.0


def _share(share: float | None, images: float) -> dict[str, float | None]:
    if share is None:
        return dict.fromkeys(("share", "low", "high"))
    low, high = wilson(share, images)
    return {"share": round(share, 4), "low": round(low, 4), "high": round(high, 4)}


def _against_rest(counts: Mapping[tuple[str, str], int], name: str) -> Counter[tuple[str, str]]:
    """Count one category against all others."""
    rest: Counter[tuple[str, str]] = Counter()
    for (one, other), count in counts.items():
        rest[one if one == name else "", other if other == name else ""] += count
    return rest
