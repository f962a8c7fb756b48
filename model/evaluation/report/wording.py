"""An evaluation in plain words: the summary, how the bundle was made, and what it is not good for."""

from collections.abc import Iterator, Mapping
from typing import Any

from model.bundle import Bundle
from model.decisions.ood import SERVED
from model.decisions.thresholds import UNSURE
from model.evaluation.assessment import EvaluationResult

LOW_F1 = 0.9  # categories below it are named as ones not to rely on
RARELY_FLAGGED = 0.5  # sources of which a smaller share is flagged are named
DROPPED = {"in_test": "copies of test images", "in_validation": "copies of validation images"}


def phrases(result: EvaluationResult) -> dict[str, Any]:
    """Return the words of report.html that follow from the figures."""
    sources = result.ood.sources
    return {
        "right_of_thousand": f"{1000 * result.metrics.accuracy:.0f}",
        "certainty": f"{100 * (1 - UNSURE):g} %",
        "unsure_of_hundred": f"{100 * UNSURE:.0f}",
        "mistakes": mistakes(result),
        "unknown": [f"{source.source.name} ({len(source.decisions):,})" for source in sources if source.source.names],
        "hidden": [source.source.name for source in sources if not source.source.shown],
        "aim": _aim(result),
    }


def _aim(result: EvaluationResult) -> str:
    if result.policy.review_budget is not None:
        return f"at most {100 * result.policy.review_budget:g} % of images are reviewed"
    return f"{100 * (result.target or 0):g} % of what is tagged without review is right"


def mistakes(result: EvaluationResult, pairs: int = 3) -> list[str]:
    """Describe the most frequent confusions."""
    names, categories = result.bundle.categories, result.metrics.categories
    return [
        f"{names[pair.true]} mistaken for {names[pair.predicted]}"
        f" ({pair.count:,} of {categories[names[pair.true]].images:,})"
        for pair in result.confusions[:pairs]
    ]


def lines(result: EvaluationResult) -> Iterator[str]:
    """Describe the result for a terminal."""
    metrics, test = result.metrics, result.evaluation_set
    low, high = metrics.accuracy_interval
    coverages = ", ".join(f"{right:.2%} of {float(share):.0%}" for share, right in metrics.accuracy_at_coverage.items())
    yield f"{result.bundle.id} on {test.title}, {metrics.images:,} images"
    yield f"accuracy     {metrics.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}), macro F1 {metrics.macro_f1:.3f}"
    yield f"no review    {metrics.unreviewed:.1%}, of which {metrics.unreviewed_precision:.2%} are right"
    yield f"confident    right of the most confident: {coverages}; AURC {metrics.aurc:.5f}"
    yield f"calibration  ECE {metrics.ece_before:.4f} before, {metrics.ece:.4f} after"
    yield f"mistakes     {'; '.join(mistakes(result)) or 'none'}"
    yield f"unlike       {_unlike_training(result)}"
    yield f"runtimes     {_runtimes(result)}"
    yield f"speed        {_speed(result)}"
    if test.rejected:
        reasons = ", ".join(f"{count} {reason}" for reason, count in test.reasons.items())
        yield f"rejected     {len(test.rejected)} files: {reasons}"
    yield from (f"left out     {sentence}" for sentence in test.left_out)


def _unlike_training(result: EvaluationResult) -> str:
    ood = result.ood
    parts = ["no flag" if ood.false_alarms is None else f"{ood.false_alarms:.2%} false alarms"]
    parts += [f"AUROC {ood.auroc[SERVED]:.3f}"] if SERVED in ood.auroc else []
    for source in ood.sources:
        name, images = source.source.name, len(source.decisions)
        parts.append(f"{name} ({images:,}): {source.flagged:.0%} flagged, {source.reviewed:.0%} reviewed")
    return "; ".join(parts)


def _runtimes(result: EvaluationResult) -> str:
    if not result.outputs.has_reference:
        return "TensorFlow is not installed, so LiteRT was not compared with it"
    return f"LiteRT and TensorFlow agree on {result.outputs.agreement:.2%}"


def _speed(result: EvaluationResult) -> str:
    speed = result.speed
    vnni = {True: "with VNNI", False: "without VNNI", None: "VNNI unknown"}[speed.vnni]
    clock, cpu = f"{speed.images_per_second:,.0f} images/s", f"{speed.images_per_cpu_second:,.0f} per CPU second"
    return f"LiteRT on one thread: {clock}, {cpu}; {speed.machine}, {vnni}"


def training(bundle: Bundle) -> list[tuple[str, str]]:
    """Return the known facts on how the bundle was made, by name."""
    about, recipe = bundle.training, bundle.training.get("recipe", {})
    data, started_from = about.get("data", {}), about.get("started_from") or {}
    training = _known(("{:,} epochs", recipe.get("epochs")), ("seed {}", recipe.get("seed")))
    facts = {
        "Trained": _known(("{} UTC", str(about.get("trained_at") or "")[:16].replace("T", " ") or None)),
        "Network": recipe.get("network"),
        "Size": _known(
            ("{:,} parameters", about.get("parameters")), ("{:,} multiply-adds per image", about.get("multiply_adds"))
        ),
        "Training": _averaged(started_from) or training,
        "Teachers": ", ".join(recipe.get("teachers", ())),
        "Started from": started_from.get("model") or recipe.get("start"),
        "Data": _known(
            ("{}", data.get("name")),
            ("{:,} for training", data.get("train")),
            ("{:,} for validation", data.get("validation")),
        ),
        "Left out of training": _known(
            *((f"{{:,}} {DROPPED.get(reason, reason)}", count) for reason, count in data.get("dropped", {}).items())
        ),
        "Time": _known(("{:,} minutes", about.get("minutes")), ("{:,} minutes of CPU", about.get("cpu_minutes"))),
        "Machine": about.get("machine"),
        "Served weights": about.get("litert_weights"),
        "Logit adjustment": _known(
            ("{:.0%} of the log share of each category in training", about.get("prior_taken_back") or None)
        ),
        "Temperature": f"{bundle.temperature:.3f}",
        "Libraries": ", ".join(f"{name} {version}" for name, version in about.get("versions", {}).items()),
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _known(*facts: tuple[str, Any]) -> str:
    return ", ".join(template.format(value) for template, value in facts if value is not None)


def _averaged(started_from: Mapping[str, Any]) -> str | None:
    """Name the bundles whose weights a bundle has that was not trained itself."""
    sources = [source["model"] for source in started_from.get("averaged", ())]
    if not sources:
        return None
    return f"the mean of {', '.join(sources)}" if len(sources) > 1 else f"none of its own: the weights of {sources[0]}"


def limits(result: EvaluationResult) -> Iterator[str]:
    """Say what the bundle should not be used for."""
    names = result.bundle.categories
    yield (
        f"Images of other things. It has {len(names)} categories ({', '.join(names)}) and none for anything else: it"
        " can only flag what looks unlike its training."
    )
    missed = [source.source.name for source in result.ood.sources if source.flagged < RARELY_FLAGGED]
    if result.ood.false_alarms is None:
        yield "Flagging images unlike its training: this bundle was made without that flag."
    elif missed:
        yield f"Flagging these kinds of images: {', '.join(missed)}. Fewer than half of them were flagged."
    hard = [name for name, category in result.metrics.categories.items() if category.images and category.f1 < LOW_F1]
    if hard:
        yield f"Categories that it often gets wrong: {', '.join(hard)}. See their rows in the table."
    yield (
        "Other kinds of photos: it is not calibrated for them. All figures here are for"
        f" {result.evaluation_set.title}; photos that look different, show several garments or only a part of one may"
        " be tagged much worse."
    )
    if result.bundle.training.get("data", {}).get("name") == "Fashion-MNIST":
        yield (
            "Photos of worn clothes, or on floors and busy backgrounds: it was trained on Fashion-MNIST, small grey"
            " pictures of single garments on black."
        )
