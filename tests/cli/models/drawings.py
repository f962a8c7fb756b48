"""A shop of drawn photographs, and what `tagger model train` makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from click.testing import Result
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from cli.app import app
from tests.model.pictures import encode, noise

RUN = CliRunner()
KINDS = {"disc": (200, 60, 50), "stripes": (60, 90, 190)}
EACH = 14
WRONG = "stripes/23.jpg"
"""Among the two test photographs there is this disc, so that there is a mistake to show, or not to show."""


def drawn(kind: str, seed: int) -> Image.Image:
    """Draw 64 pixels: a red disc or blue stripes, on coarse grain by the seed."""
    canvas = noise(seed, (16, 16)).resize((64, 64), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    if kind == "disc":
        draw.ellipse((12, 12, 52, 52), fill=KINDS[kind])
    for top in range(4, 64, 20) if kind == "stripes" else ():
        draw.rectangle((0, top, 64, top + 10), fill=KINDS[kind])
    return canvas


def write(folder: Path, kind: str, seeds: range) -> None:
    (folder / kind).mkdir(parents=True)
    for seed in seeds:
        (folder / kind / f"{seed}.jpg").write_bytes(encode(drawn(kind, seed), "JPEG", quality=90))


def drawn_shop(folder: Path) -> Path:
    """Write EACH drawings of each kind into a folder; one of them has the wrong label."""
    for number, kind in enumerate(KINDS):
        write(folder, kind, range(number * EACH, (number + 1) * EACH))
    (folder / WRONG).write_bytes(encode(drawn("disc", 99), "JPEG", quality=90))
    return folder


def run(*arguments: str | Path) -> Result:
    return RUN.invoke(app, ["model", "train", *map(str, arguments)])


def run_alone(home: Path, *arguments: str | Path | int) -> CompletedProcess[str]:
    """Run `tagger model …` in a process of its own, which draws fewer images that are out of distribution."""
    code = "from model.evaluation import ood_images; ood_images.COUNT = 20; from cli.app import main; main()"
    command = [sys.executable, "-c", code, "model", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        command, env=environment | {"HOME": str(home)}, capture_output=True, text=True, timeout=300, check=False
    )


@dataclass(frozen=True)
class Trained:
    """What the command left and printed."""

    photographs: Path
    out: Path
    done: CompletedProcess[str]


def plain(done: Result) -> str:
    """Return standard error without the frame and its line breaks."""
    return " ".join(done.stderr.replace("│", " ").split())
