"""The label issues for review, as label_problems.html, with pictures, and label_problems.csv, to be corrected."""

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
SHOWN = 300  # enough for a person, and the page stays below 4 MB
EDGE = 220  # pixels; shown at about 150, for screens of greater density
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
    """The issues of one label that look like one other category, the clearest first; `count` includes hidden ones."""

    given: str
    suggested: str
    count: int
    shown: tuple[Shown, ...]


def write(folder: Path, result: LabelIssues, names: Sequence[str], picture: Picture) -> Path:
    """Write both into `folder`, leaving other files there alone, and return the page.

    `names` are the keys or paths of the images by index. `picture`, called for the images on the page, returns an image
    by its index, or a file's content, or None where it cannot be read. Raises ModuleNotFoundError without Jinja2.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table(result, names).write(folder / TABLE)
    page = folder / PAGE
    page.write_text(render(result, names, picture), encoding="utf-8")
    return page


def table(result: LabelIssues, names: Sequence[str]) -> Table:
    """List all issues, the clearest first; `category` is there to be corrected, as in a table of photographs."""
    rows = [
        [
            names[issue.index],
            result.categories[issue.given],
            result.categories[issue.suggested],
            f"{issue.probability_given:.4f}",
            f"{issue.probability_suggested:.4f}",
        ]
        for issue in result.issues
    ]
    return Table(["key", "category", "suggested", "probability_given", "probability_suggested"], rows)


def render(result: LabelIssues, names: Sequence[str], picture: Picture) -> str:
    """Render the page with every picture in it."""
    shown = [
        Shown(rank, issue, names[issue.index], _thumbnail(picture(issue.index)))
        for rank, issue in enumerate(result.issues[:SHOWN], start=1)
    ]
    return filled(TEMPLATE, result=result, pairs=_pairs(result, shown), shown=len(shown), table=TABLE)


def _pairs(result: LabelIssues, shown: Sequence[Shown]) -> list[Pair]:
    """Group the issues by pair, the most frequent first."""
    pairs = []
    for given, suggested in dict.fromkeys((issue.given, issue.suggested) for issue in result.issues):
        of_pair = tuple(image for image in shown if (image.issue.given, image.issue.suggested) == (given, suggested))
        count = int(result.counts[given, suggested])
        pairs.append(Pair(result.categories[given], result.categories[suggested], count, of_pair))
    return sorted(pairs, key=lambda pair: -pair.count)


def _thumbnail(picture: Image.Image | bytes | None) -> str | None:
    return None if picture is None else photograph(picture, EDGE, QUALITY)
