"""How well a bundle does on photographs that people took, for each way of preparing them.

    python -m bench.photographs FOLDER [--model BUNDLE] [--split S]… [--every N] [--only VARIANT]… [--json]

FOLDER is laid out as the clothing-dataset-small of Alexey Grigorev (CC0): SPLIT/CATEGORY/*.jpg. Choose on `train` and
`validation`; `--split test` is for the final figure. Decoded photographs are kept in the temporary folder, so that a
second call takes seconds. Without the folder it says so and ends well.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.table import Table

from bench.variants import VARIANTS, Variant
from model import bundle
from model.classifier import Classifier
from model.images.decoding import DecodeHints, decode

CLOTHES = {
    "t-shirt": ("T-shirt/top",),
    "pants": ("Trouser",),
    "dress": ("Dress",),
    "shirt": ("Shirt",),
    "outwear": ("Coat",),
    "longsleeve": ("Pullover",),
}
SHOES = {"shoes": ("Sneaker", "Ankle boot")}
"""Either counts; reported apart, as no photograph says which was meant."""
RIGHT = CLOTHES | SHOES
MIN_EDGE = 64


@dataclass(frozen=True, slots=True)
class Photograph:
    """A sub-folder's name, and uint8[H, W, 3] as the decoder gives it."""

    kind: str
    pixels: npt.NDArray[np.uint8]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and with --json one line more; the exit code."""
    asked = _parser().parse_args(arguments)
    files = _files(asked.folder, asked.split or ["train", "validation"], asked.every)
    if not files:
        print(f"{asked.folder} holds no photographs as SPLIT/CATEGORY/NAME.jpg: nothing is measured", file=sys.stderr)
        return 0
    classifier = Classifier.load(bundle.find(asked.model))
    photographs = _decoded(files)
    chosen = {name: each for name, each in VARIANTS.items() if not asked.only or name in asked.only}
    rows = [measured(name, each, photographs, classifier) for name, each in chosen.items() if each.there()]
    Console(stderr=asked.json, width=190).print(_table(rows, classifier.bundle.id, len(photographs)))
    if asked.json:
        print(json.dumps({"model": classifier.bundle.id, "photographs": len(photographs), "variants": rows}))
    return 0


def measured(name: str, variant: Variant, photographs: Sequence[Photograph], classifier: Classifier) -> dict[str, Any]:
    """Shares of clothes that are right, that are reviewed, that are right without review; of shoes; milliseconds."""
    images, ms = _prepared(variant, photographs)
    predictions = classifier.classify(images)
    kinds = np.array([each.kind for each in photographs])
    right = np.array([it.category in RIGHT[kind] for it, kind in zip(predictions, kinds, strict=True)])
    passing = np.array([not it.needs_review for it in predictions])
    confidence = np.array([it.confidence for it in predictions])
    clothes = np.isin(kinds, list(CLOTHES))
    by_kind = {kind: _share(right[kinds == kind]) for kind in RIGHT}
    surest = np.argsort(-confidence[clothes])[: clothes.sum() // 2]
    return {
        "variant": name,
        "accuracy": _share(right[clothes]),
        "balanced": round(float(np.mean([by_kind[kind] for kind in CLOTHES])), 4),
        "review": _share(~passing[clothes]),
        "precision": _share(right[clothes & passing]),
        "surest_half": _share(right[clothes][surest]),
        "ms": round(ms, 2),
        "by_kind": by_kind,
    }


def _prepared(variant: Variant, photographs: Sequence[Photograph]) -> tuple[npt.NDArray[np.uint8], float]:
    """uint8[N, 28, 28, 1], and the median of CPU milliseconds."""
    images, seconds = [], []
    for each in photographs:
        picture = Image.fromarray(each.pixels)
        began = time.thread_time()
        images.append(variant.prepare(picture))
        seconds.append(time.thread_time() - began)
    return np.array(images, np.uint8), 1000 * float(np.median(seconds))


def _share(right: npt.NDArray[np.bool_]) -> float:
    return round(float(right.mean()), 4) if len(right) else 0.0


def _files(folder: Path, splits: Sequence[str], every: int) -> list[tuple[str, Path]]:
    """Of each category of each split, every n-th file by name, with the category's folder."""
    places = [(kind, folder / split / kind) for split in splits for kind in RIGHT]
    return [(kind, path) for kind, place in places for path in sorted(place.glob("*.jpg"))[::every]]


def _decoded(files: Sequence[tuple[str, Path]]) -> list[Photograph]:
    """From the cache, which is named after the files and what was asked of the decoder."""
    name = hashlib.sha256(repr((MIN_EDGE, [str(path) for _, path in files])).encode()).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"tagger-photographs-{name}.npz"
    if not cache.exists():
        pixels = [np.asarray(decode(path.read_bytes(), DecodeHints(MIN_EDGE))) for _, path in files]
        aside = cache.with_suffix(".part.npz")
        np.savez(aside, *pixels)
        aside.rename(cache)
    with np.load(cache, allow_pickle=False) as kept:
        return [Photograph(kind, kept[f"arr_{number}"]) for number, (kind, _) in enumerate(files)]


def _table(rows: Sequence[dict[str, Any]], model: str, count: int) -> Table:
    table = Table(title=f"{count:,} photographs, {model}", title_justify="left")
    table.add_column("variant", no_wrap=True)
    for heading in ("right", "balanced", "reviewed", "right of rest", "surest half", "CPU ms", *RIGHT):
        table.add_column(heading, justify="right")
    for row in rows:
        shares = [row[key] for key in ("accuracy", "balanced", "review", "precision", "surest_half")]
        kinds = [f"{row['by_kind'][kind]:.2f}" for kind in RIGHT]
        table.add_row(row["variant"], *(f"{share:.3f}" for share in shares), f"{row['ms']:.2f}", *kinds)
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.photographs", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="fashion-mnist", help="a bundle's name or folder")
    parser.add_argument("--split", action="append", help="train and validation unless named; may be given again")
    parser.add_argument("--every", type=int, default=1, help="take every n-th photograph of each category")
    parser.add_argument("--only", action="append", choices=VARIANTS, help="a variant; may be given again")
    parser.add_argument("--json", action="store_true", help="end in a line of JSON on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
