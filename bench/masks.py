"""Ways of telling a garment from its ground, to be measured beside ours: RGB of H×W -> bool[H, W]."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.images.foreground import Separation, garment

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def by_turns(image: Image.Image) -> Mask:
    """Ours: colours of both, estimated in turns."""
    return garment(image, Separation())


def grab_cut(image: Image.Image, turns: int = 3) -> Mask:
    """OpenCV's, from all but a rim of 4 %."""
    import cv2

    cv2.setNumThreads(1)
    pixels = np.ascontiguousarray(np.asarray(image)[..., ::-1])
    height, width = pixels.shape[:2]
    x, y = max(2, int(width * 0.04)), max(2, int(height * 0.04))
    mask = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(pixels, mask, (x, y, width - 2 * x, height - 2 * y), *models, turns, cv2.GC_INIT_WITH_RECT)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


def grab_cut_from_border(image: Image.Image) -> Mask:
    """OpenCV's, from the mask by the border's colour."""
    import cv2

    sure = by_border(image)
    mask = np.where(sure, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[[0, -1]] = mask[:, [0, -1]] = cv2.GC_BGD
    if not (mask == cv2.GC_PR_FGD).any():
        return sure
    pixels = np.ascontiguousarray(np.asarray(image)[..., ::-1])
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(pixels, mask, None, *models, 3, cv2.GC_INIT_WITH_MASK)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


def by_border(image: Image.Image, far: float = 3.0) -> Mask:
    """Mahalanobis distance in Lab from the border's colours, over `far`."""
    lab = _lab(image)
    border = np.concatenate([lab[0], lab[-1], lab[1:-1, 0], lab[1:-1, -1]])
    spread = np.linalg.inv(np.cov(border.T) + 4 * np.eye(3))
    away = lab - border.mean(0)
    return np.asarray(np.einsum("hwi,ij,hwj->hw", away, spread, away) > far**2)


def by_sides(image: Image.Image, far: float = 16.0) -> Mask:
    """Further than `far` levels from a plane through the border's brightness."""
    grey = np.asarray(image.convert("L"), np.float32)
    y, x = np.meshgrid(np.linspace(-1, 1, grey.shape[0]), np.linspace(-1, 1, grey.shape[1]), indexing="ij")
    rim = np.ones(grey.shape, bool)
    rim[1:-1, 1:-1] = False
    terms = np.stack([np.ones_like(y), y, x], axis=-1)
    plane = np.linalg.lstsq(terms[rim], grey[rim], rcond=None)[0]
    return np.asarray(np.abs(grey - terms @ plane) > far)


def by_median(image: Image.Image, far: float = 16.0) -> Mask:
    """Further than `far` levels from the border's median."""
    grey = np.asarray(image.convert("L"), np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    return np.asarray(np.abs(grey - np.median(border)) > far)


def _lab(image: Image.Image) -> Floats:
    """CIE Lab (D65) of sRGB, float32[H, W, 3]."""
    light = np.asarray(image, np.float32) / 255
    linear = np.where(light > 0.04045, ((light + 0.055) / 1.055) ** 2.4, light / 12.92)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
    xyz = np.cbrt(linear @ to_xyz.T / np.array([0.9505, 1, 1.089], np.float32) + 1e-4)
    x, y, z = np.moveaxis(xyz, 2, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
