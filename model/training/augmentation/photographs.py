"""Random changes to photographs that keep their category: another crop, mirrored, turned, in other light.

Random resized crops: Szegedy et al. 2014, arXiv:1409.4842, §6. Pillow moves the pixels, numpy changes their colours.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.training.augmentation.rand_augment import rand_augment, transform
from model.training.recipe import Recipe

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

ASPECT = 4 / 3  # a crop is at most this much wider or higher than the photograph
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def augment_photographs(images: Images, random: np.random.Generator, recipe: Recipe) -> Images:
    """Change uint8[N, H, W, 3] by the recipe's `crop`, `turn`, `mirror`, `distort` and `colour`.

    Returns uint8[N, S, S, 3], S being the recipe's size.
    """
    size = recipe.size or images.shape[1]
    placed = np.stack(
        [
            np.asarray(transform(Image.fromarray(image), (size, size), coefficients.tolist()))
            for image, coefficients in zip(images, _crops(images.shape, random, recipe, size), strict=True)
        ]
    )
    if recipe.distort:
        placed = rand_augment(placed, random, recipe.distort, recipe.distort_strength)
    return relight(placed, random, recipe.colour) if recipe.colour else placed


def relight(images: Images, random: np.random.Generator, strength: float) -> Images:
    """Multiply brightness, contrast and saturation of uint8[N, H, W, 3] each by 1 - strength … 1 + strength."""
    count = len(images)
    brighter, steeper, fuller = random.uniform(1 - strength, 1 + strength, (3, count, 1, 1, 1)).astype(np.float32)
    pixels = images.astype(np.float32)
    grey = (pixels @ LUMA)[..., None]
    middle = grey.mean((1, 2, 3), keepdims=True)
    # brighter · (middle + steeper · (grey + fuller · (pixels − grey) − middle)), in two passes over the pixels
    pixels *= brighter * steeper * fuller
    pixels += brighter * (steeper * (1 - fuller) * grey + (1 - steeper) * middle) + np.float32(0.5)
    return np.clip(pixels, 0, 255, out=pixels).astype(np.uint8)


def _crops(shape: tuple[int, ...], random: np.random.Generator, recipe: Recipe, size: int) -> Floats:
    """Draw the six numbers of Image.transform for each image: from a place in the result to one in the photograph."""
    count, height, width = shape[:3]
    area = random.uniform(recipe.crop, 1, count)
    widest = np.log(ASPECT) if recipe.crop < 1 else 0.0
    aspect = np.exp(random.uniform(-widest, widest, count))
    across, down = np.minimum(np.sqrt(area * aspect), 1), np.minimum(np.sqrt(area / aspect), 1)
    x, y = (random.uniform(-1, 1, count) * (1 - share) / 2 for share in (across, down))
    angle = np.radians(random.uniform(-recipe.turn, recipe.turn, count))
    side = np.where(recipe.mirror & (random.uniform(size=count) < 0.5), -1, 1)
    u, v = across * width / size, down * height / size  # pixels of the photograph for one of the result
    a, b = side * u * np.cos(angle), -v * np.sin(angle)
    d, e = side * u * np.sin(angle), v * np.cos(angle)
    c = width * (0.5 + x) - (a + b) * size / 2
    f = height * (0.5 + y) - (d + e) * size / 2
    return np.stack([a, b, c, d, e, f], 1)
