"""An evaluation in plain words: what it comes to, how the bundle was made, and what it is not good for."""

from collections.abc import Iterator, Mapping
from typing import Any

from model.bundle import Bundle
from model.decisions.ood import SERVED
from model.decisions.thresholds import UNSURE
from model.evaluation.assessment import EvaluationResult
from model.evaluation.ood_metrics import SourceMetrics

HARD = 0.9  # F1 under which a category is named as one not to rely on
UNNOTICED = 0.5  # of a source: below, it is named as one the model does not notice


def of(found: EvaluationResult) -> dict[str, Any]:
    """How often the model is right, how many images need nobody, and which categories get mixed up."""
    figures = found.metrics
    low, high = figures.accuracy_interval
    return {
        "right_of_thousand": f"{1000 * figures.accuracy:.0f}",
        "low": low,
        "high": high,
        "wrong_unreviewed": 1 - figures.unreviewed_precision,
        "sure": f"{100 * (1 - UNSURE):g} %",
        "unsure_of_hundred": f"{100 * UNSURE:.0f}",
        "mixed_up": mixed_up(found),
        "unknown": [f"{each.source.name} ({len(each.decisions):,})" for each in _of_folders(found)],
        "hidden": [each.source.name for each in found.ood.sources if not each.source.shown],
        "aim": _aim(found),
    }


def _of_folders(found: EvaluationResult) -> list[SourceMetrics]:
    """Sources that are folders of photographs: only these have file names."""
    return [each for each in found.ood.sources if each.source.names]


def _aim(found: EvaluationResult) -> str:
    if found.policy.review_budget is not None:
        return f"at most {100 * found.policy.review_budget:g} % of images are to be reviewed"
    return f"{100 * (found.target or 0):g} % of what is tagged without a person are to be right"


def mixed_up(found: EvaluationResult, pairs: int = 3) -> list[str]:
    """The most frequent confusions."""
    names, of_category = found.bundle.categories, found.metrics.categories
    return [
        f"{names[each.true]} taken for {names[each.predicted]}"
        f" ({each.count:,} of {of_category[names[each.true]].images:,})"
        for each in found.confusions[:pairs]
    ]


def lines(found: EvaluationResult) -> Iterator[str]:
    """What a terminal shows."""
    figures = found.metrics
    low, high = figures.accuracy_interval
    at = ", ".join(f"{right:.2%} of {float(share):.0%}" for share, right in figures.accuracy_at_coverage.items())
    yield f"{found.bundle.id} on {found.evaluation_set.title}, {figures.images:,} images"
    yield f"right        {figures.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}), macro F1 {figures.macro_f1:.3f}"
    yield f"no review    {figures.unreviewed:.1%}; {figures.unreviewed_precision:.2%} of these are right"
    yield f"surest       right: {at}; AURC {figures.aurc:.5f}"
    yield f"calibration  ECE {figures.ece_before:.4f} before, {figures.ece:.4f} after"
    yield f"mixed up     {'; '.join(mixed_up(found)) or 'nothing'}"
    yield f"unlike       {_unlike(found)}"
    yield f"runtimes     {_runtimes(found)}"
    yield f"speed        {_speed(found)}"
    if found.evaluation_set.rejected:
        why = ", ".join(f"{count} {reason}" for reason, count in found.evaluation_set.reasons.items())
        yield f"no image     {len(found.evaluation_set.rejected)} files: {why}"
    yield from (f"left out     {sentence}" for sentence in found.evaluation_set.left_out)


def _unlike(found: EvaluationResult) -> str:
    ood = found.ood
    parts = [f"{ood.false_alarms:.2%} false alarms"] if ood.false_alarms is not None else ["no flag"]
    parts += [f"AUROC {ood.auroc[SERVED]:.3f}"] if SERVED in ood.auroc else []
    parts += [
        f"{each.source.name} ({len(each.decisions):,}): {each.flagged:.0%} flagged, {each.reviewed:.0%} reviewed"
        for each in ood.sources
    ]
    return "; ".join(parts)


def _runtimes(found: EvaluationResult) -> str:
    if not found.outputs.has_reference:
        return "TensorFlow is not installed: not compared"
    return f"LiteRT and TensorFlow agree on {found.outputs.agreement:.2%}"


def _speed(found: EvaluationResult) -> str:
    it = found.speed
    by_clock, by_cpu = f"{it.images_per_second:,.0f}/s by the clock", f"{it.images_per_cpu_second:,.0f}/s of CPU"
    vnni = {True: "with VNNI", False: "without VNNI", None: "VNNI unknown"}[it.vnni]
    return f"LiteRT, one thread: {by_clock}, {by_cpu}; {it.machine}, {vnni}"


def training(bundle: Bundle) -> list[tuple[str, str]]:
    """How the bundle was made, as far as it says; name and value of each fact."""
    how, recipe = bundle.training, bundle.training.get("recipe", {})
    before = how.get("started_from") or {}
    facts: Mapping[str, Any] = {
        "Trained": _moment(how.get("trained_at")),
        "Network": recipe.get("network"),
        "Size": _size(how),
        "Training": _averaged(before)
        or _joined(_number(recipe.get("epochs"), "epochs"), _named("seed", recipe.get("seed"))),
        "Learned from": ", ".join(recipe.get("teachers", ())) or None,
        "Went on from": before.get("model") or recipe.get("start"),
        "Data": _data(how.get("data", {})),
        "Left out of training": _dropped(how.get("data", {}).get("dropped")),
        "Time": _joined(_number(how.get("minutes"), "minutes"), _number(how.get("cpu_minutes"), "minutes of CPU")),
        "Machine": how.get("machine"),
        "Weights as served": how.get("litert_weights"),
        "Bias to frequent categories": _logit_adjustment(how.get("prior_taken_back")),
        "Temperature": f"{bundle.temperature:.3f}",
        "Made with": ", ".join(f"{name} {version}" for name, version in how.get("versions", {}).items()) or None,
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _logit_adjustment(strength: float | None) -> str | None:
    return f"{strength:.0%} of the logarithm of their share is taken off their scores" if strength else None


def _averaged(before: Mapping[str, Any]) -> str | None:
    """Of a bundle that was not trained itself: whose weights it has."""
    whose = [each["model"] for each in before.get("averaged", ())]
    if not whose:
        return None
    return f"none of its own: the weights of {whose[0]}" if len(whose) == 1 else f"the mean of {', '.join(whose)}"


def limits(found: EvaluationResult) -> list[str]:
    """Sentences that begin with what the model should not be used for."""
    return [*_limits(found)]


def _limits(found: EvaluationResult) -> Iterator[str]:
    names = found.bundle.categories
    yield (
        f"Anything that is none of its {len(names)} categories ({', '.join(names)}). It has no way to say"
        " “something else”; it can only flag what looks unlike its training."
    )
    missed = [each.source.name for each in found.ood.sources if each.flagged < UNNOTICED]
    if missed and found.ood.false_alarms is not None:
        yield f"Noticing these: {', '.join(missed)}. Fewer than half of them were flagged as unlike the training."
    if found.ood.false_alarms is None:
        yield "Noticing images of another kind: this bundle was made without that flag, so nothing is flagged."
    hard = [name for name, each in found.metrics.categories.items() if each.images and each.f1 < HARD]
    if hard:
        yield f"Categories that it often gets wrong: {', '.join(hard)}. Look at their rows in the table."
    yield (
        f"Promises about other pictures. All figures here are for {found.evaluation_set.title}; photographs that look"
        " different, several garments in one picture, or details of one may be tagged much worse."
    )
    if found.bundle.training.get("data", {}).get("name") == "Fashion-MNIST":
        yield (
            "Photographs of worn clothes, on floors or against busy grounds: it learned from Fashion-MNIST, small grey"
            " pictures of single garments on black."
        )


def _moment(at: str | None) -> str | None:
    """ISO 8601 in UTC, as bundles have it, to the minute."""
    return f"{at[:16].replace('T', ' ')} UTC" if at else None


def _size(how: Mapping[str, Any]) -> str | None:
    adds = how.get("multiply_adds")
    return _joined(_number(how.get("parameters"), "parameters"), _number(adds, "multiply-adds an image"))


def _data(data: Mapping[str, Any]) -> str | None:
    parts = (_number(data.get(part), f"to {verb}") for part, verb in (("train", "train"), ("validation", "validate")))
    return _joined(data.get("name"), *parts)


def _dropped(dropped: Mapping[str, int] | None) -> str | None:
    if dropped is None:
        return None
    why = {"in_test": "copies of test images", "in_validation": "copies of validation images", "repeated": "repeated"}
    return ", ".join(f"{count:,} {why.get(name, name)}" for name, count in dropped.items())


def _named(name: str, value: Any) -> str | None:
    return None if value is None else f"{name} {value}"


def _number(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:,} {unit}"


def _joined(*parts: str | None) -> str | None:
    return ", ".join(part for part in parts if part) or None
