"""Contact sheets: photographs beside what the network saw of them, with the predictions as text. Pillow alone."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from model.images.decoding import DecodeHints, decode
from model.summary import REVIEWED, ClassifiedFile, lines_of_file

PICTURE = 280  # pixels: the edge of the square that each picture lies in
GAP = 16
LINE = 22
LARGE, SMALL = 17, 13  # of letters
WIDTH = GAP + 2 * (PICTURE + GAP)
MOST = 100  # the largest number of rows on a sheet
MADE_BY = "tagger model classify"
GROUND, FRAME, INK, FAINT, ALARM = "white", "#d0d0d0", "#1a1a1a", "#666666", "#b02a1a"


def row(classified: ClassifiedFile) -> Image.Image:
    """Draw one file, RGB and WIDTH wide: photograph, what the network saw, and the text under both.

    For a file that could not be read or decoded there is text alone.
    """
    pictures = _pictures(classified)
    lines = [*lines_of_file(classified.row), Path(classified.row["file"]).name]
    top = GAP + PICTURE + GAP // 2 if pictures else GAP
    canvas = Image.new("RGB", (WIDTH, top + LINE * len(lines) + GAP), GROUND)
    for number, picture in enumerate(pictures):
        _hang(canvas, picture, GAP + number * (PICTURE + GAP))
    _write(ImageDraw.Draw(canvas), lines, top, failed="error" in classified.row)
    return canvas


def sheet(rows: Sequence[Image.Image]) -> Image.Image:
    """Put rows one above the other, under headings."""
    canvas = Image.new("RGB", (WIDTH, GAP + LINE + sum(image.height for image in rows)), GROUND)
    for number, heading in enumerate(("photograph", "what the network saw")):
        place = (GAP + number * (PICTURE + GAP), GAP)
        ImageDraw.Draw(canvas).text(place, heading, fill=FAINT, font=ImageFont.load_default(SMALL))
    top = GAP + LINE
    for image in rows:
        canvas.paste(image, (0, top))
        top += image.height
    return canvas


def save(rows: Sequence[Image.Image], path: Path) -> None:
    """Write a PNG that `may_write` recognizes. Raises OSError."""
    about = PngImagePlugin.PngInfo()
    about.add_text("Software", MADE_BY)
    sink = io.BytesIO()
    sheet(rows).save(sink, "PNG", pnginfo=about)
    path.write_bytes(sink.getvalue())


def may_write(path: Path) -> bool:
    """Tell whether the path is free or holds an earlier sheet, so that no photograph is overwritten."""
    if not path.exists():
        return True
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.info.get("Software") == MADE_BY
    except (OSError, SyntaxError):
        return False


def _pictures(classified: ClassifiedFile) -> list[Image.Image]:
    if classified.pixels is None:
        return []
    photograph = decode(classified.data, DecodeHints(PICTURE))
    photograph.thumbnail((PICTURE, PICTURE))
    grey = classified.pixels.shape[-1] == 1
    seen = Image.fromarray(classified.pixels[..., 0] if grey else classified.pixels)
    return [_enlarged(photograph), _enlarged(seen.convert("RGB"))]


def _enlarged(picture: Image.Image) -> Image.Image:
    """Enlarge by whole pixels, as far as the square allows."""
    scale = max(1, PICTURE // max(picture.size))
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def _hang(canvas: Image.Image, picture: Image.Image, left: int) -> None:
    """Paste a picture into the middle of its square, with a thin frame that shows where a white ground ends."""
    x, y = left + (PICTURE - picture.width) // 2, GAP + (PICTURE - picture.height) // 2
    canvas.paste(picture, (x, y))
    ImageDraw.Draw(canvas).rectangle((x - 1, y - 1, x + picture.width, y + picture.height), outline=FRAME)


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[str], top: int, *, failed: bool) -> None:
    """Draw the text: the first line large, what needs a review in red."""
    large, small = ImageFont.load_default(LARGE), ImageFont.load_default(SMALL)
    for number, line in enumerate(lines):
        font = large if number == 0 else small
        colour = ALARM if line.startswith(REVIEWED) or (failed and number == 0) else INK if number == 0 else FAINT
        draw.text((GAP, top + number * LINE), _fitted(draw, line, font), fill=colour, font=font)


def _fitted(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Replace letters that the font lacks, and cut the text to the row's width."""
    plain = "".join(letter if letter.isprintable() and ord(letter) < 256 else "?" for letter in text)
    fitted = plain
    while draw.textlength(fitted, font) > WIDTH - 2 * GAP:
        plain = plain[:-1]
        fitted = plain + "..."
    return fitted
