"""Taxonomies made up here, and outputs of a network that was never there."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from model.bundle import Bundle
from model.decisions.taxonomy import Taxonomy
from model.images.preprocessing import FASHION_MNIST
from model.runtimes import Outputs

SAMPLE = Path(__file__).parents[2] / "samples" / "taxonomy.csv"
CLOTHES = """category,parent,synonyms,title_en,title_sw,title_de-CH
tops,,,Tops,Nguo za juu,
tee,tops,T-shirt/top; t shirt,T-shirt,Fulana,
shirt,tops,,Shirt,Shati,Hemd
footwear,,,Footwear,,
shoes,footwear,Sneaker; Sandal,Shoes,Viatu,Schuhe
kanga,,khanga; leso,Kanga,Kanga,
"""
KNOWN = ("T-shirt/top", "Shirt", "Sneaker", "Sandal")
"""What the bundles here give: the last two are both shoes."""


def written(folder: Path, text: str = CLOTHES, encoding: str = "utf-8") -> Path:
    """A file of categories."""
    path = folder / "shop.csv"
    path.write_bytes(text.encode(encoding))
    return path


def clothes(folder: Path) -> Taxonomy:
    return Taxonomy.read(written(folder))


def bundle(*thresholds: float, ood: Mapping[str, float] | None = None) -> Bundle:
    """Of the categories KNOWN, as its bundle.json would be read."""
    return Bundle(Path(), "known", KNOWN, FASHION_MNIST, 1.0, thresholds, 0.99, ood)


def outputs(*scores: tuple[float, ...]) -> Outputs:
    """A network that says this of an image each; the scores of an image add up to 1."""
    return Outputs.of(np.log(np.array(scores, np.float32)), len(scores[0]))
