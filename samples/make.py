"""`python -m samples.make [--data FOLDER]`: make the sample images again.

Ten images of each category of Fashion-MNIST's test set, drawn with a fixed seed, whatever a model makes of them, and
in random order.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

from model.data.dataset import Split
from model.data.fashion_mnist import load
from model.decisions.categories import FASHION_MNIST

HERE = Path(__file__).parent
SEED = 2026
PER_CATEGORY = 10


def chosen(test: Split) -> list[int]:
    """Draw the images' indices into the test set, in random order."""
    random = np.random.default_rng(SEED)
    kinds = range(len(FASHION_MNIST))
    drawn = [random.choice(np.flatnonzero(test.labels == kind), PER_CATEGORY, replace=False) for kind in kinds]
    return [int(index) for index in random.permutation(np.concatenate(drawn))]


def make(test: Split, folder: Path = HERE) -> int:
    """Write images/NNNN.png and labels.csv into `folder`; return the number of images."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    indices = chosen(test)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as sink:
        rows = csv.writer(sink, lineterminator="\n")
        rows.writerow(["key", "category"])
        for number, index in enumerate(indices, 1):
            Image.fromarray(test.images[index, :, :, 0]).save(folder / "images" / f"{number:04}.png")
            rows.writerow([f"{number:04}.png", FASHION_MNIST[test.labels[index]]])
    return len(indices)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the sample images again.")
    parser.add_argument("--data", type=Path, help="folder of the four *-ubyte.gz files of Fashion-MNIST")
    print(make(load(parser.parse_args().data).test), "images")
