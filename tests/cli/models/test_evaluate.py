"""`tagger model evaluate`, as a person types it, on a bundle of bars."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.models import app
from model import runtimes
from model.bundle import Bundle
from model.data import fashion_mnist
from model.data.dataset import Dataset

RUN = CliRunner()


@pytest.fixture(autouse=True)
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the seconds that it takes to start; both runtimes are compared in test_report."""
    monkeypatch.setattr(runtimes, "has_tensorflow", lambda: False)


@pytest.fixture
def photos(small_data: Dataset, bars: Bundle, tmp_path: Path) -> Path:
    """Write forty test images as files: sandals in a folder of another name, ankle boots in one of no category."""
    folder = tmp_path / "photos"
    names = {**{index: name.replace("/", "-") for index, name in enumerate(bars.categories)}, 5: "flip-flops", 9: "hat"}
    for number, (image, label) in enumerate(zip(small_data.test.images[:40], small_data.test.labels, strict=False)):
        place = folder / names[int(label)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(place / f"{number}.png")
    (folder / "Dress" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "Dress" / "empty.jpg").write_bytes(b"")
    return folder


def test_fashion_mnist_is_measured_by_default(
    bars: Bundle, small_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "load_test", lambda _folder: small_data.test)

    done = RUN.invoke(app, ["evaluate", str(bars.folder)])

    assert done.exit_code == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    accuracy = bars.metrics["test"]["accuracy"]
    assert lines[bars.id].endswith("100 images")
    assert lines["accuracy"].startswith(f"{accuracy:.2%} (95% interval ")
    assert "TensorFlow is not installed" in lines["runtimes"]
    assert "no folder was named with --photographs" in done.stdout
    assert (tmp_path / lines["report"]).is_file()
    assert Path(lines["report"]).parts[:2] == ("evaluations", f"bars-{bars.version}")


def test_a_labelled_folder_is_measured_and_what_cannot_be_is_told(bars: Bundle, photos: Path, tmp_path: Path) -> None:
    named = ["--data", str(photos), "--map", "flip-flops=Sandal", "--out", str(tmp_path / "out")]

    done = RUN.invoke(app, ["evaluate", str(bars.folder), *named, "--json"])

    assert done.exit_code == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert (metrics["images"], metrics["rejected"]) == (36, {"corrupt": 1, "empty": 1})
    assert metrics["categories"]["Sandal"]["images"] == 4
    assert metrics["categories"]["Ankle boot"]["images"] == 0
    assert metrics["unlike_training"]["sources"]["hat"]["images"] == 4
    assert metrics["accuracy"] > 0.9
    assert metrics["report"] == str(tmp_path / "out" / "report.html")
    images = (tmp_path / "out" / "images.csv").read_text().splitlines()
    assert len(images) == 1 + 40
    assert sum(line.startswith("hat/") and line.split(",")[1] == "" for line in images) == 4
    assert "Dress/broken.jpg,corrupt," in (tmp_path / "out" / "rejected.csv").read_text()
    assert "hat (4)" in (tmp_path / "out" / "report.html").read_text()


def test_strange_folders_and_broken_files_are_told_on_the_terminal(bars: Bundle, photos: Path, tmp_path: Path) -> None:
    done = RUN.invoke(app, ["evaluate", str(bars.folder), "--data", str(photos), "--out", str(tmp_path / "out")])

    assert "hat (4): " in done.stdout
    assert "flip-flops (4): " in done.stdout
    assert "2 files: 1 corrupt, 1 empty" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "nowhere is not a folder"),
        (["--data", "hats"], "--map FOLDERNAME=CATEGORY"),
        (["--data", "hats", "--map", "hat=Cap"], "'Cap' is not a category of this bundle"),
        (["--data", "hats", "--map", "cap=Bag"], "no folder 'cap' to map; there are hat"),
    ],
)
def test_a_folder_that_cannot_be_measured_is_exit_code_3_and_one_line(
    bars: Bundle, tmp_path: Path, options: list[str], message: str
) -> None:
    (tmp_path / "hats" / "hat").mkdir(parents=True)
    Image.new("RGB", (60, 60), "red").save(tmp_path / "hats" / "hat" / "one.png")

    done = RUN.invoke(app, ["evaluate", str(bars.folder), *options])

    assert done.exit_code == 3
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "evaluations").exists()


def test_a_policy_that_an_old_bundle_cannot_keep_is_exit_code_3(
    old_bars: Bundle, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGGER_REVIEW_BUDGET", "0.1")

    done = RUN.invoke(app, ["evaluate", str(old_bars.folder), "--data", str(photos)])

    assert done.exit_code == 3
    assert "before thresholds could be chosen anew" in done.stderr


@pytest.mark.parametrize(
    "options",
    [["--map", "pants"], ["--map", "pants=Trouser"], ["--data", ".", "--photographs", "."], ["--out", "INSIDE"]],
    ids=["no category", "a map without a folder", "photographs with a folder", "into the bundle"],
)
def test_a_wrong_call_is_exit_code_2(bars: Bundle, options: list[str]) -> None:
    arguments = [str(bars.folder / "report") if option == "INSIDE" else option for option in options]

    assert RUN.invoke(app, ["evaluate", str(bars.folder), *arguments]).exit_code == 2
