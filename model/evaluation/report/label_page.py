"""label_problems.html and .csv: the labels to look at, each with its picture, for a person to settle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from model.data.inspection.label_issues import LabelIssue, LabelIssues
from model.evaluation.report.page import filled, photograph
from model.evaluation.report.tables import Table

PAGE = "label_problems.html"
TABLE = "label_problems.csv"
TEMPLATE = "label_issues.html"
SHOWN = 300  # a person looks through no more, and the page stays below 4 MB
EDGE = 220  # pixels; shown at about 150, which screens of phones have twice as many for
QUALITY = 70  # of JPEG

Picture = Callable[[int], Image.Image | bytes | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A label issue on the page: its rank, from 1, its image's name, and the picture as a data: address, if any."""

    rank: int
    issue: LabelIssue
    name: str
    src: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Those of one label that look like one other category, the clearest first; `count` are there, shown or not."""

    given: str
    suggested: str
    count: int
    shown: tuple[Shown, ...]


def write(folder: Path, found: LabelIssues, names: Sequence[str], picture: Picture) -> Path:
    """Write both into `folder`, nothing else there changes, and return the page.

    `names` has the key or path of each image by its index. `picture` gives an image by its index, or a file's bytes, or
    None where it can no longer be had; it is called for those on the page alone. Raises ModuleNotFoundError without
    Jinja2.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table(found, names).write(folder / TABLE)
    page = folder / PAGE
    page.write_text(render(found, names, picture), encoding="utf-8")
    return page


def table(found: LabelIssues, names: Sequence[str]) -> Table:
    """All issues, the clearest first; `key` and `category` as in a table of photographs, to be corrected in place."""
    rows = [
        [
            names[each.index],
            found.categories[each.given],
            found.categories[each.suggested],
            f"{each.probability_given:.4f}",
            f"{each.probability_suggested:.4f}",
        ]
        for each in found.issues
    ]
    return Table(["key", "category", "suggested", "probability_given", "probability_suggested"], rows)


def render(found: LabelIssues, names: Sequence[str], picture: Picture) -> str:
    """The page, every picture in it."""
    shown = [
        Shown(rank, each, names[each.index], _thumbnail(picture(each.index)))
        for rank, each in enumerate(found.issues[:SHOWN], start=1)
    ]
    return filled(TEMPLATE, found=found, pairs=_pairs(found, shown), shown=len(shown), table=TABLE)


def _pairs(found: LabelIssues, shown: Sequence[Shown]) -> list[Pair]:
    """The most frequent first."""
    pairs = []
    for given, suggested in dict.fromkeys((each.given, each.suggested) for each in found.issues):
        mine = tuple(each for each in shown if (each.issue.given, each.issue.suggested) == (given, suggested))
        count = int(found.counts[given, suggested])
        pairs.append(Pair(found.categories[given], found.categories[suggested], count, mine))
    return sorted(pairs, key=lambda pair: -pair.count)


def _thumbnail(picture: Image.Image | bytes | None) -> str | None:
    return None if picture is None else photograph(picture, EDGE, QUALITY)
