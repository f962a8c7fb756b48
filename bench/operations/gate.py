"""The gate on real pictures: after how much of a night another shop's are found, and how many ordinary nights are held.

    python -m bench.operations.gate --photographs ../shared/clothing-dataset-small --json

The shipped bundles classify their own test images, which are ordinary, and each other's, which are another shop's. From
these outputs nights are drawn: ordinary ones with shares of categories of their own, in the order of folders, and some
of which a share is swapped. Exit code 1 if a wholly swapped night was not found within 3 %, or an ordinary one is held.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from db.reporting.batches import BANDS, BLOCK_SHARE, LEAST, Batch, stretches
from model import bundle as bundles
from model.classifier import Classifier
from model.data import fashion_mnist
from model.data.photographs import of_folder
from worker.operations.gate import judge, needed

MICRO_BATCH = 64
GOOD_NIGHTS, TONIGHT = 14, 10
"""So many nights are known to the gate, and so many are judged by them, before others are drawn."""
SWAPPED = (1.0, 0.5, 0.2, 0.1, 0.05)
WITHIN = 0.03
_EVENNESS = 30.0
"""Of a night's shares of categories (Dirichlet): they differ by about a fifth from night to night."""
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Results:
    """What a bundle says of some pictures: their categories, bands of confidence, and flags."""

    category: npt.NDArray[np.str_]
    band: npt.NDArray[np.int64]
    flagged: npt.NDArray[np.bool_]
    unlike: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.band)

    def night(self, drawn: Indices) -> list[Batch]:
        """Return a night of these pictures, in micro-batches."""
        return [self._batch(drawn[first : first + MICRO_BATCH]) for first in range(0, len(drawn), MICRO_BATCH)]

    def _batch(self, drawn: Indices) -> Batch:
        bands = np.bincount(self.band[drawn], minlength=BANDS).tolist()
        flagged, unlike = int(self.flagged[drawn].sum()), int(self.unlike[drawn].sum())
        return Batch(images=len(drawn), results=len(drawn), flagged=flagged, unlike=unlike, bands=bands)

    def ordinary(self, images: int, chance: np.random.Generator) -> Indices:
        """Draw a night with shares of categories of its own, a category after the other, as folders come."""
        names = np.unique(self.category)
        counts = chance.multinomial(images, chance.dirichlet(np.full(len(names), _EVENNESS)))
        drawn = [
            chance.choice(np.flatnonzero(self.category == name), count)
            for name, count in zip(names, counts, strict=True)
        ]
        return np.concatenate(drawn)


def classified(bundle: str, pictures: Iterable[bytes]) -> Results:
    """Let a shipped bundle classify pictures."""
    classifier = Classifier.load(bundles.find(bundle))
    prepared, predictions = [classifier.prepare(picture) for picture in pictures], []
    for first in range(0, len(prepared), MICRO_BATCH):
        predictions += classifier.classify(np.stack(prepared[first : first + MICRO_BATCH]))
    return Results(
        np.array([prediction.category for prediction in predictions]),
        np.array([min(int(prediction.confidence * BANDS), BANDS - 1) for prediction in predictions]),
        np.array([prediction.needs_review for prediction in predictions]),
        np.array([prediction.review_reason == "unlike_training" for prediction in predictions]),
    )


def found_after(tonight: Sequence[Batch], nights: Sequence[Sequence[Batch]], images: int) -> int | None:
    """Return after how many images the gate finds a night unusual, looking as often as a worker's does."""
    far, judged_at = Batch(), 0
    for batch in tonight:
        far = far + batch
        if far.images >= judged_at + needed(images):
            judged_at = far.images
            if judge(far, nights):
                return far.images
    return None


def good_nights(ordinary: Results, images: int, chance: np.random.Generator) -> list[list[Batch]]:
    """Draw nights as a catalogue keeps them, in blocks."""
    block = max(LEAST, round(BLOCK_SHARE * images))
    drawn = (ordinary.night(ordinary.ordinary(images, chance)) for _ in range(GOOD_NIGHTS))
    return [list(stretches(night, block)) for night in drawn]


def ordinary_nights(ordinary: Results, images: int, count: int, chance: np.random.Generator) -> int:
    """Return how many of so many ordinary nights would be held."""
    held = 0
    for number in range(count):
        if number % TONIGHT == 0:
            nights = good_nights(ordinary, images, chance)
        held += found_after(ordinary.night(ordinary.ordinary(images, chance)), nights, images) is not None
    return held


def swapped_nights(ordinary: Results, other: Results, images: int, count: int, chance: np.random.Generator) -> Any:
    """Return, for each share of swapped pictures, how many nights are found, how many of them early, and after what."""
    both = Results(*(np.concatenate(pair) for pair in zip(vars(ordinary).values(), vars(other).values(), strict=True)))
    nights, result = good_nights(ordinary, images, chance), {}
    for share in SWAPPED:
        found = []
        for _ in range(count):
            drawn, others = ordinary.ordinary(images, chance), chance.integers(0, len(other), images) + len(ordinary)
            tonight = np.where(chance.random(images) < share, others, drawn)
            found.append(found_after(both.night(tonight), nights, images))
        after = [images_seen for images_seen in found if images_seen is not None]
        early = sum(images_seen <= max(WITHIN * images, 1.5 * LEAST) for images_seen in after)
        middle = round(median(after) / images, 4) if after else None
        result[f"{share:.0%}"] = {"found": len(after), "early": early, "of": count, "median_after": middle}
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0, or 1 where a swapped night was not found early or an ordinary one is held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True, help="labelled photographs, with folders of splits")
    parser.add_argument("--images", type=int, default=10_000, help="images of a night")
    parser.add_argument("--ordinary", type=int, default=100, help="ordinary nights of each bundle")
    parser.add_argument("--swapped", type=int, default=20, help="swapped nights of each share and bundle")
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    options = parser.parse_args(arguments)
    chance, result, is_good = np.random.default_rng(1), {}, True
    for bundle, (ordinary, other) in _pictures(options.photographs).items():
        print(f"{bundle}: {len(ordinary):,} ordinary pictures, {len(other):,} of another shop", file=sys.stderr)
        held = ordinary_nights(ordinary, options.images, options.ordinary, chance)
        swapped = swapped_nights(ordinary, other, options.images, options.swapped, chance)
        result[bundle] = {"ordinary": options.ordinary, "held": held, "swapped": swapped}
        is_good &= held == 0 and swapped["100%"]["early"] == options.swapped
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))
    return 0 if is_good else 1


def _pictures(folder: Path) -> dict[str, tuple[Results, Results]]:
    """Return for each shipped bundle what it says of its own test pictures and of the other's."""
    photographs = of_folder(folder)
    held_out = [one.read() for one in photographs if one.split in ("test", "validation")]
    fashion = [_png(image) for image in fashion_mnist.load_test().images]
    return {
        "fashion-mnist": (classified("fashion-mnist", fashion), classified("fashion-mnist", held_out)),
        "clothing": (classified("clothing", held_out), classified("clothing", fashion[:1_500])),
    }


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    written = BytesIO()
    Image.fromarray(image.squeeze()).save(written, "PNG")
    return written.getvalue()


if __name__ == "__main__":
    sys.exit(main())
