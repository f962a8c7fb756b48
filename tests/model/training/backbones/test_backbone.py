"""EfficientNet-Lite0 is the published network with its published weights; missing and damaged ones are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.training.backbones import backbone, weights as weights_files
from model.training.backbones.backbone import BackboneMissing, BackboneUnknown
from model.training.backbones.torch_checkpoint import Arrays
from model.training.backbones.weights import BackboneCorrupt, PackageMissing, packaged
from model.training.networks import multiply_adds

REFERENCE = json.loads(Path(__file__).with_name("efficientnet_lite0.json").read_text(encoding="utf-8"))
LARGER = json.loads(Path(__file__).with_name("efficientnet_lite_larger.json").read_text(encoding="utf-8"))
LITE0 = "efficientnet-lite0"
CONTENT = "36205363dad7b3fd"
"""How the SHA-256 of the converted weights begins."""


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    return published_checkpoint(LITE0)


@pytest.fixture(scope="module")
def published(checkpoint: Path) -> Arrays:
    return weights_files.converted(checkpoint)


@pytest.fixture(scope="module")
def weights(published: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the file of `tagger model backbone`."""
    path = tmp_path_factory.mktemp("backbones") / "efficientnet-lite0.npz"
    weights_files.write(published, path, {"source": "the package"})
    return path


@pytest.fixture(scope="module")
def network() -> Any:
    """Build the published network at 224 pixels; tests assign weights to it as they need."""
    return backbone.imagenet_classifier(None, size=224)


def published_checkpoint(name: str) -> Path:
    """Find it, or skip the test where its package is not installed."""
    try:
        return packaged(name)[0]
    except PackageMissing as error:
        pytest.skip(str(error))


def picture(name: str) -> np.ndarray:
    """Load uint8[H, W, 3], a picture that scikit-image or scikit-learn ships."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    return load_sample_image(f"{name}.jpg") if name in ("china", "flower") else getattr(data, name)()


def middle(image: np.ndarray, size: int) -> np.ndarray:
    top, left = ((edge - size) // 2 for edge in image.shape[:2])
    return image[top : top + size, left : left + size]


def of_reference(name: str, size: int) -> np.ndarray:
    """Crop to float32[1, size, size, 3], without any resampling that could change with Pillow."""
    step = 2 if name == "astronaut" else 1
    return middle(picture(name)[::step, ::step], size)[None].astype("float32")


def squared(name: str) -> np.ndarray:
    """Crop the largest square in the middle to float32[224, 224, 3]."""
    image = picture(name)
    square = Image.fromarray(middle(image, min(image.shape[:2])))
    return np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC), "float32")


def test_it_has_the_published_size(network: Any) -> None:
    assert sum(int(np.prod(variable.shape)) for variable in network.trainable_weights) == 4_652_008
    assert multiply_adds(network) == pytest.approx(385e6, rel=1e-3)


def test_its_logits_are_pytorchs(network: Any, published: Arrays) -> None:
    backbone.assign(network, published)

    for name in ("astronaut", "chelsea", "coffee"):
        expected = REFERENCE[f"{name}-224"]
        logits = network(of_reference(name, 224), training=False).numpy()[0]
        np.testing.assert_allclose(logits[[*map(int, expected)]], [*expected.values()], atol=1e-3)
        assert str(logits.argmax()) == max(expected, key=lambda index: float(expected[index]))


def test_its_logits_are_pytorchs_at_an_odd_size(published: Arrays) -> None:
    """There the padding is another."""
    network = backbone.imagenet_classifier(None, size=161)
    backbone.assign(network, published)

    logits = network(of_reference("chelsea", 161), training=False).numpy()[0]

    expected = REFERENCE["chelsea-161"]
    np.testing.assert_allclose(logits[[*map(int, expected)]], [*expected.values()], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "size", "parameters", "millions"),
    [("efficientnet-lite1", 240, 5_416_680, 631), ("efficientnet-lite2", 260, 6_092_072, 899)],
)
def test_its_larger_brothers_have_the_published_size(name: str, size: int, parameters: int, millions: int) -> None:
    larger = backbone.imagenet_classifier(None, size=size, name=name)

    assert sum(int(np.prod(variable.shape)) for variable in larger.trainable_weights) == parameters
    assert multiply_adds(larger) == pytest.approx(0.95 * millions * 1e6, rel=1e-2)  # as of Lite0: 385 for its 407


@pytest.mark.parametrize("name", ["efficientnet-lite1", "efficientnet-lite2"])
@pytest.mark.parametrize(("image", "size"), [("chelsea", 224), ("coffee", 161)])
def test_their_logits_are_pytorchs(name: str, image: str, size: int) -> None:
    larger = backbone.imagenet_classifier(None, size=size, name=name)
    backbone.assign(larger, weights_files.converted(published_checkpoint(name)))

    logits = larger(of_reference(image, size), training=False).numpy()[0]

    expected = LARGER[f"{name}-{image}-{size}"]
    np.testing.assert_allclose(logits[[*map(int, expected)]], [*expected.values()], atol=1e-3)


def test_it_knows_well_known_photographs_from_float16(network: Any, weights: Path) -> None:
    cats, espresso, missile, palace, daisy = {281, 282, 285}, {967}, {657}, {698}, {985}
    expected = {"chelsea": cats, "coffee": espresso, "rocket": missile, "china": palace, "flower": daisy}
    backbone.assign(network, weights_files.read(weights))

    logits = network(np.stack([squared(name) for name in expected]), training=False).numpy()

    for name, best, five in zip(expected, logits.argmax(1), np.argsort(-logits)[:, :5], strict=True):
        assert best in expected[name], name
        assert len(expected[name] & {*five.tolist()}) == len(expected[name]), name


def test_features_are_what_the_logits_are_made_of(weights: Path) -> None:
    network = backbone.build(weights, size=160)

    features = network(of_reference("chelsea", 160), training=False).numpy()[0]

    arrays, expected = weights_files.read(weights), REFERENCE["chelsea-160"]
    logits = features @ arrays["fc/kernel"].astype("float32") + arrays["fc/bias"]
    assert features.shape == (1280,)
    assert multiply_adds(network) == pytest.approx(195.9e6, rel=1e-3)
    np.testing.assert_allclose(logits[[*map(int, expected)]], [*expected.values()], atol=0.05)  # weights are rounded


def test_the_file_is_small_tells_its_origin_and_is_the_same_everywhere(weights: Path) -> None:
    about = weights_files.provenance(weights)

    assert weights.stat().st_size < 10e6
    assert about["source"] == "the package"
    assert about["sha256"].startswith(CONTENT)
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]


def test_weights_of_another_network_are_refused(network: Any, published: Arrays) -> None:
    with pytest.raises(BackboneCorrupt, match="begins with bn1/beta"):
        backbone.assign(network, {name: array for name, array in published.items() if name != "bn1/beta"})
    with pytest.raises(BackboneCorrupt, match="begins with more/kernel"):
        backbone.assign(network, {**published, "more/kernel": np.zeros(1)})
    with pytest.raises(BackboneCorrupt, match=re.escape("bn1/beta should be (1280,), not (1279,)")):
        backbone.assign(network, {**published, "bn1/beta": np.zeros(1279)})


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    weights_files.write({"fc/bias": np.zeros(3)}, path, {})
    with np.load(path) as file:
        altered = {**file, "fc/bias": np.ones(3, "float32")}
    for damage in (path.read_bytes()[:-30], b"", b"PK\x03\x04"):
        path.write_bytes(damage)
        with pytest.raises(BackboneCorrupt, match="tagger model backbone"):
            backbone.build(path, size=32)

    np.savez(path, **altered)

    with pytest.raises(BackboneCorrupt, match="altered"):
        backbone.build(path, size=32)


def test_unknown_and_missing_backbones_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BackboneUnknown, match="efficientnet-lite2"):
        backbone.build(None, size=32, name="resnet")
    with pytest.raises(BackboneUnknown, match="efficientnet-lite2"):
        backbone.find_or_convert("resnet", tmp_path)
    with pytest.raises(BackboneMissing, match="is not there"):
        backbone.build(tmp_path / "none.npz", size=32)


def test_weights_are_converted_at_first_use_and_said_so(checkpoint: Path, tmp_path: Path) -> None:
    assert checkpoint.is_file()
    lines: list[str] = []

    paths = [backbone.find_or_convert(LITE0, tmp_path / "new", lines.append) for _ in range(2)]

    assert set(paths) == {tmp_path / "new" / f"{LITE0}.npz"}
    assert weights_files.provenance(paths[0])["sha256"].startswith(CONTENT)
    assert lines == [f"converting the ImageNet weights of {LITE0} to {paths[0]}, once …"]


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(checkpoint: Path, tmp_path: Path) -> None:
    assert checkpoint.is_file()
    (tmp_path / "file").touch()

    with pytest.raises(BackboneMissing, match="set HOME to a folder that can be written"):
        backbone.find_or_convert(LITE0, tmp_path / "file" / "backbones")
