"""Taxonomies made up here, and outputs of a network that does not exist."""

from pathlib import Path

import numpy as np

from model.decide import DecisionRule
from model.decisions.category_mapping import CategoryMapping
from model.decisions.taxonomy import Taxonomy
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
    """Write a file of categories."""
    path = folder / "shop.csv"
    path.write_bytes(text.encode(encoding))
    return path


def clothes(folder: Path) -> Taxonomy:
    return Taxonomy.read(written(folder))


def rule(*thresholds: float, mapping: CategoryMapping | None = None, coarse: bool = False) -> DecisionRule:
    """Make a rule for outputs of the categories KNOWN, without an out-of-distribution detector."""
    return DecisionRule(1.0, thresholds, None, None, mapping or CategoryMapping.identity(KNOWN), coarse)


def outputs(*scores: tuple[float, ...]) -> Outputs:
    """Make the outputs of a network that gives these scores, which add up to 1 for each image."""
    return Outputs.of(np.log(np.array(scores, np.float32)), len(scores[0]))
