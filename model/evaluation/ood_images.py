"""Out-of-distribution images, by source, to measure how well a bundle flags them as `unlike_training`.

All are prepared. Drawn ones follow from a seed; photographs come from folders, and a folder that is not on this machine
is left out.
"""

import contextlib
import functools
import importlib.util
import string
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from model.data.dataset import Split
from model.images.decoding import ImageRejected, decode
from model.images.preprocessing import Preprocessing, preprocess

Images = npt.NDArray[np.uint8]
Maker = Callable[[np.random.Generator], Image.Image]
COUNT = 500  # most images of a source


def for_fashion_mnist(garments: Split, spec: Preprocessing, seed: int, photographs: Path | None) -> dict[str, Images]:
    """Return uint8[N, H, W, C] by source, made of `garments` too; hats lie in sub-folders "hat" of `photographs`."""
    random = np.random.default_rng(seed)
    some = garments.images[random.permutation(len(garments.images))[:COUNT]]
    images = {
        **_synthetic(random, spec, len(some)),
        "inverted": 255 - some,
        "rotated": np.rot90(some, axes=(1, 2)),
        "upside down": some[:, ::-1],
        "photographs": _shipped_photographs(random, spec),
        "hats": _hats(photographs, spec),
    }
    return {name: np.ascontiguousarray(source) for name, source in images.items() if len(source)}


def for_photographs(spec: Preprocessing, seed: int) -> dict[str, Images]:
    """Return the same without turned garments, as photographs show garments any way up."""
    random = np.random.default_rng(seed)
    images = {**_synthetic(random, spec, COUNT), "photographs": _shipped_photographs(random, spec)}
    return {name: source for name, source in images.items() if len(source)}


def _synthetic(random: np.random.Generator, spec: Preprocessing, noise: int) -> dict[str, Images]:
    return {
        "noise": _noise(random, (noise, spec.size, spec.size, spec.channels)),
        "blank": _drawn(_blank, random, spec),
        "placeholder": _drawn(_placeholder, random, spec),
        "text": _drawn(_text, random, spec),
        "screenshot": _drawn(_screenshot, random, spec),
    }


def drawn(spec: Preprocessing, count: int, seed: int = 1) -> Images:
    """Draw placeholders and screenshots in turn, uint8[count, S, S, C]: pictures that nobody owns."""
    random = np.random.default_rng(seed)
    return np.stack([preprocess((_screenshot if index % 2 else _placeholder)(random), spec) for index in range(count)])


def _noise(random: np.random.Generator, shape: tuple[int, ...]) -> Images:
    """Draw uniform noise, Gaussian noise around grey, and salt and pepper, a third each."""
    kind = np.arange(shape[0])[:, None, None, None] % 3
    uniform = random.integers(0, 256, shape)
    gaussian = np.clip(random.normal(128, 50, shape), 0, 255)
    salted = np.where(random.uniform(size=shape) < 0.5, 255, 0)
    return np.select([kind == 0, kind == 1], [uniform, gaussian], salted).astype(np.uint8)


def _drawn(maker: Maker, random: np.random.Generator, spec: Preprocessing) -> Images:
    return np.stack([preprocess(maker(random), spec) for _ in range(COUNT)])


def _canvas(random: np.random.Generator) -> Image.Image:
    width, height = random.integers(120, 400, 2)
    return Image.new("RGB", (int(width), int(height)), _colour(random))


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 256, 3)
    return int(red), int(green), int(blue)


def _blank(random: np.random.Generator) -> Image.Image:
    """Draw one colour, half of the time with the grain of a bad scan."""
    canvas = _canvas(random)
    if random.uniform() < 0.5:
        return canvas
    grain = random.normal(0, random.uniform(1, 6), (canvas.height, canvas.width, 3))
    return Image.fromarray(np.clip(np.asarray(canvas) + grain, 0, 255).astype(np.uint8))


def _placeholder(random: np.random.Generator) -> Image.Image:
    """Draw what stands for a missing picture: a frame with a cross, or with a hill and a sun in it."""
    canvas, colour = _canvas(random), _colour(random)
    draw, (width, height) = ImageDraw.Draw(canvas), canvas.size
    edge = int(min(width, height) * random.uniform(0.05, 0.3))
    box, line = (edge, edge, width - edge, height - edge), int(random.integers(2, 10))
    draw.rectangle(box, outline=colour, width=line)
    if random.uniform() < 0.5:
        draw.line(box, fill=colour, width=line)
        draw.line((edge, height - edge, width - edge, edge), fill=colour, width=line)
        return canvas
    draw.polygon([(edge, height - edge), (width // 2, height // 2), (width - edge, height - edge)], fill=colour)
    draw.ellipse((edge * 1.5, edge * 1.5, edge * 1.5 + width // 6, edge * 1.5 + width // 6), fill=colour)
    return canvas


def _text(random: np.random.Generator) -> Image.Image:
    """Draw a few lines in one size, as on a label or a sign."""
    canvas = _canvas(random)
    draw, colour = ImageDraw.Draw(canvas), _colour(random)
    size = int(random.integers(14, 80))
    for y in range(int(random.integers(0, 40)), canvas.height, int(size * 1.4)):
        draw.text((int(random.integers(0, 30)), y), _words(random, 40), fill=colour, font=_font(size))
    return canvas


def _screenshot(random: np.random.Generator) -> Image.Image:
    """Draw a window: a bar, a column of buttons, panels and small text."""
    canvas = Image.new("RGB", (480, 320), _colour(random))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, 480, 28), fill=_colour(random))
    for row in range(int(random.integers(3, 9))):
        draw.rectangle((6, 40 + 30 * row, 100, 62 + 30 * row), fill=_colour(random))
    for _ in range(int(random.integers(2, 6))):
        x, y = int(random.integers(110, 400)), int(random.integers(34, 280))
        box = (x, y, x + int(random.integers(40, 200)), y + int(random.integers(20, 120)))
        draw.rectangle(box, fill=_colour(random), outline=_colour(random))
        draw.text((x + 4, y + 4), _words(random, 30), fill=_colour(random), font=_font(13))
    return canvas


def _words(random: np.random.Generator, count: int) -> str:
    letters = random.choice([*string.ascii_letters, *string.digits, " ", " ", " "], count)
    return "".join(letters)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _shipped_photographs(random: np.random.Generator, spec: Preprocessing) -> Images:
    """Return the pictures that scikit-learn and scikit-image ship, whole and in parts."""
    parts = []
    for path in _shipped_files():
        with Image.open(path) as image:
            picture = image.convert("RGB")
        parts += [picture, *(_part(picture, random) for _ in range(11))]
    chosen = [parts[index] for index in random.permutation(len(parts))[:COUNT]]
    return _stacked((preprocess(part, spec) for part in chosen), spec)


def _part(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    width, height = (int(edge * random.uniform(0.2, 0.8)) for edge in picture.size)
    x, y = random.integers(0, picture.width - width + 1), random.integers(0, picture.height - height + 1)
    return picture.crop((int(x), int(y), int(x) + width, int(y) + height))


def _shipped_files() -> Iterator[Path]:
    for package, folder in (("sklearn", "datasets/images"), ("skimage", "data")):
        module = importlib.util.find_spec(package)
        if module and module.origin:
            files = (Path(module.origin).parent / folder).glob("*")
            yield from sorted(path for path in files if path.suffix in {".jpg", ".png"})


def _hats(photographs: Path | None, spec: Preprocessing) -> Images:
    """Return the images of a category that Fashion-MNIST does not have, from any sub-folder "hat"."""
    images = []
    for file in sorted(photographs.glob("**/hat/*")) if photographs else []:
        with contextlib.suppress(ImageRejected):
            images.append(preprocess(decode(file.read_bytes(), spec.hints), spec))
    return _stacked(images, spec)


def _stacked(images: Iterable[Images], spec: Preprocessing) -> Images:
    return np.array([*images], np.uint8).reshape(-1, spec.size, spec.size, spec.channels)
