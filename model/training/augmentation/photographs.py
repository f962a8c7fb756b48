"""Random changes to photographs that leave their category as it was: another cut-out, mirrored, turned, other light.

Random resized crops: Szegedy et al. 2014, arXiv:1409.4842, §6. Pillow moves the pixels, numpy changes their colours.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.training.augmentation.rand_augment import distorted, moved
from model.training.recipe import Recipe

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

ASPECT = 4 / 3  # a cut-out is this much wider or higher than the photograph, at most
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def photographed_anew(images: Images, random: np.random.Generator, recipe: Recipe) -> Images:
    """uint8[N, H, W, 3] -> uint8[N, S, S, 3], S as the recipe says, by its `crop`, `turn`, `mirror`, `distort` and
    `colour`.
    """
    size = recipe.size or images.shape[1]
    placed = np.stack(
        [
            np.asarray(moved(Image.fromarray(image), (size, size), coefficients.tolist()))
            for image, coefficients in zip(images, _cut_outs(images.shape, random, recipe, size), strict=True)
        ]
    )
    if recipe.distort:
        placed = distorted(placed, random, recipe.distort, recipe.distort_strength)
    return lit(placed, random, recipe.colour) if recipe.colour else placed


def lit(images: Images, random: np.random.Generator, strength: float) -> Images:
    """uint8[N, H, W, 3] with brightness, contrast and saturation each multiplied by 1 - strength … 1 + strength."""
    count = len(images)
    brighter, steeper, fuller = random.uniform(1 - strength, 1 + strength, (3, count, 1, 1, 1)).astype(np.float32)
    pixels = images.astype(np.float32)
    grey = (pixels @ LUMA)[..., None]
    middle = grey.mean((1, 2, 3), keepdims=True)
    # brighter · (middle + steeper · (grey + fuller · (pixels − grey) − middle)), in two passes over the pixels
    pixels *= brighter * steeper * fuller
    pixels += brighter * (steeper * (1 - fuller) * grey + (1 - steeper) * middle) + np.float32(0.5)
    changed: Images = np.clip(pixels, 0, 255, out=pixels).astype(np.uint8)
    return changed


def _cut_outs(shape: tuple[int, ...], random: np.random.Generator, recipe: Recipe, size: int) -> Floats:
    """For each image the six numbers of Image.transform: from a place in what comes out to one in the photograph."""
    count, height, width = shape[:3]
    area = random.uniform(recipe.crop, 1, count)
    widest = np.log(ASPECT) if recipe.crop < 1 else 0.0
    aspect = np.exp(random.uniform(-widest, widest, count))
    across, down = np.minimum(np.sqrt(area * aspect), 1), np.minimum(np.sqrt(area / aspect), 1)
    x, y = (random.uniform(-1, 1, count) * (1 - share) / 2 for share in (across, down))
    angle = np.radians(random.uniform(-recipe.turn, recipe.turn, count))
    side = np.where(recipe.mirror & (random.uniform(size=count) < 0.5), -1, 1)
    u, v = across * width / size, down * height / size  # pixels there for one here
    a, b = side * u * np.cos(angle), -v * np.sin(angle)
    d, e = side * u * np.sin(angle), v * np.cos(angle)
    c = width * (0.5 + x) - (a + b) * size / 2
    f = height * (0.5 + y) - (d + e) * size / 2
    return np.stack([a, b, c, d, e, f], 1)
