"""The label issues for review, as label_problems.html, with pictures, and label_problems.csv, to be corrected."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from model.data.inspection.label_issues import LabelIssues
from model.evaluation.report.page import filled, photograph
from model.evaluation.report.tables import Table

PAGE = "label_problems.html"
TABLE = "label_problems.csv"
TEMPLATE = "label_issues.html"
SHOWN = 300  # enough for a person, and the page stays below 4 MB
EDGE = 220  # pixels; shown at about 150, for screens of greater density
QUALITY = 70  # of JPEG

Picture = Callable[[int], Image.Image | bytes | None]


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
    """Render the page with every picture in it: the issues by pair of categories, the most frequent first."""
    shown: list[dict[str, Any]] = [
        {
            "rank": rank,
            "issue": issue,
            "name": names[issue.index],
            "src": photograph(picture(issue.index), EDGE, QUALITY),
        }
        for rank, issue in enumerate(result.issues[:SHOWN], start=1)
    ]
    pairs: list[dict[str, Any]] = [
        {
            "given": result.categories[given],
            "suggested": result.categories[suggested],
            "count": int(result.counts[given, suggested]),
            "shown": [
                image for image in shown if (image["issue"].given, image["issue"].suggested) == (given, suggested)
            ],
        }
        for given, suggested in dict.fromkeys((issue.given, issue.suggested) for issue in result.issues)
    ]
    pairs.sort(key=lambda pair: -pair["count"])
    return filled(TEMPLATE, result=result, pairs=pairs, shown=len(shown), table=TABLE)
