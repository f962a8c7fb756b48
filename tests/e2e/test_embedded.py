"""`tagger run` on a folder with no setting at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from model import bundle
from stack.processes import wait_until
from tests.e2e.deployment import Deployment, tagged
from tests.e2e.drawn import blob


def test_photographs_new_then_changed_then_gone(embedded: Deployment, drawn_photos: Path, tmp_path: Path) -> None:
    mine = tmp_path / "test"
    shutil.copytree(drawn_photos / "test", mine, copy_function=shutil.copyfile)
    one, other = sorted(mine.rglob("*.jpg"))[:2]
    embedded.popen = subprocess.Popen  # the main job, as a user starts it

    first = embedded.json("run", mine)
    second = embedded.json("run", mine)
    os.utime(one, (1, 1))
    third = embedded.json("run", mine)
    other.unlink()
    fourth = embedded.json("run", mine)

    assert (first["seen"], first["new"], first["tagged"], first["skipped"], first["quarantined"]) == (
        372,
        372,
        372,
        0,
        0,
    )
    assert (second["seen"], second["new"], second["changed"], second["gone"], second["tagged"]) == (372, 0, 0, 0, 0)
    assert (third["changed"], third["new"], third["gone"], third["tagged"]) == (1, 0, 0, 1)
    assert (fourth["seen"], fourth["gone"], fourth["changed"], fourth["tagged"]) == (371, 1, 0, 0)
    assert embedded.clean()


def test_the_json_line_has_every_key_that_other_programs_read(embedded: Deployment, folder: Path) -> None:
    result = embedded.json("run", folder)

    assert list(result) == [
        "run",
        "seen",
        "new",
        "changed",
        "gone",
        "left_out",
        "tagged",
        "needs_review",
        "skipped",
        "quarantined",
        "seconds",
        "images_per_second",
    ]


def test_a_run_says_which_bundle_tags_unless_one_is_named(embedded: Deployment, folder: Path) -> None:
    unnamed = embedded.tagger("run", folder, "--limit", "2")
    named = embedded.tagger("run", folder, "--limit", "2", "--model", "fashion-mnist")
    as_json = embedded.tagger("run", folder, "--json")

    assert unnamed.stderr.count("tagger: no model is named, so fashion-mnist@") == 1
    assert "no model is named" not in unnamed.stdout + named.stderr + as_json.stderr
    assert as_json.stdout.count("\n") == 1


def test_a_limit_tags_that_many_and_the_rest_later(embedded: Deployment, folder: Path) -> None:
    first = json.loads(embedded.tagger("run", folder, "--limit", "4", "--json").stdout)
    rest = embedded.json("run", folder)

    assert (first["tagged"], rest["tagged"]) == (4, 6)
    assert embedded.clean()


def test_scan_records_and_the_next_run_tags(embedded: Deployment, folder: Path) -> None:
    scanned = embedded.json("scan", folder)
    waiting = embedded.json("status")["items"]
    result = embedded.json("run", folder)

    assert (scanned["new"], waiting) == (10, {"pending": 10})
    assert result["tagged"] == 10


def test_a_source_that_lost_most_of_its_images_is_not_believed(embedded: Deployment, folder: Path) -> None:
    for number in range(10):
        shutil.copy(image := next(folder.rglob(f"{number}.jpg")), image.with_name(f"{number}-again.jpg"))
    embedded.json("run", folder)
    for copied in list(folder.rglob("*-again.jpg")):
        copied.unlink()

    refused = embedded.tagger("run", folder, "--json")
    allowed = embedded.tagger("run", folder, "--allow-mass-removal", "--json")

    assert (refused.returncode, allowed.returncode) == (1, 0)
    assert "10 of 20 known images are missing" in refused.stderr
    assert json.loads(refused.stdout)["gone"] == 0
    assert json.loads(allowed.stdout)["gone"] == 10


def test_ctrl_c_leaves_what_the_next_run_continues(embedded: Deployment, tmp_path: Path) -> None:
    many = _many(tmp_path / "many")
    embedded.settings["TAGGER_MICRO_BATCH"] = "2"
    running = embedded.start("run", str(many))
    wait_until(lambda: tagged(embedded) >= 2, "the first tags", 60, 0.05)

    running.process.send_signal(signal.SIGINT)
    status = running.wait(timeout_s=60)
    tagged_before = embedded.json("status")["items"]["done"]
    result = embedded.json("run", many)

    assert status == 130
    assert "Run the same command again to continue" in running.tail()
    assert tagged_before < 200
    assert result["tagged"] == 200
    assert result["images_per_second"] == pytest.approx((200 - tagged_before) / result["seconds"], abs=0.1)
    assert embedded.clean()


def test_a_run_killed_in_the_middle_is_continued_and_nothing_is_tagged_twice(
    embedded: Deployment, tmp_path: Path
) -> None:
    many = _many(tmp_path / "many")
    embedded.settings |= {"TAGGER_MICRO_BATCH": "2", "TAGGER_LEASE_S": "5"}
    running = embedded.start("run", str(many))
    wait_until(lambda: tagged(embedded) >= 2, "the first tags", 60, 0.05)

    running.kill()
    result = embedded.json("run", many)

    assert result["tagged"] == 200
    assert embedded.clean()


def test_another_bundle_tags_known_images_too(embedded: Deployment, folder: Path, tmp_path: Path) -> None:
    embedded.json("run", folder)
    copied = Path(shutil.copytree(bundle.find("fashion-mnist"), tmp_path / "copied"))
    other = bundle.save(replace(bundle.read(copied), name="other"), tmp_path / "other").folder

    again = embedded.json("run", folder, "--model", other)
    third = embedded.json("run", folder, "--model", other)

    assert (again["new"], again["tagged"]) == (0, 10)
    assert third["tagged"] == 0
    assert embedded.clean()


def test_products_come_from_the_pattern(embedded: Deployment, folder: Path) -> None:
    embedded.settings["TAGGER_PRODUCT_PATTERN"] = "^(?P<product>[^/]+)/"
    embedded.json("run", folder)

    exported = embedded.tagger("export", "--format", "jsonl").stdout

    assert {json.loads(line)["product_id"] for line in exported.splitlines()} == {"a", "b"}


def test_the_catalogue_in_the_folder_is_no_image_of_it(embedded: Deployment) -> None:
    blob(embedded.folder / "a.jpg")

    first = embedded.json("run", ".")
    second = embedded.json("run", ".")

    assert (first["seen"], first["tagged"], first["skipped"]) == (1, 1, 0)
    assert (second["new"], second["changed"]) == (0, 0)


def test_help_comes_at_once(embedded: Deployment) -> None:
    embedded.popen = subprocess.Popen  # what is measured is the start
    took = []
    for _ in range(3):
        before = os.times()
        assert embedded.tagger("--help").returncode == 0
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)

    assert min(took) < 0.5  # seconds of a processor, however many processes want it


def _many(folder: Path) -> Path:
    """Enough large pictures that a run can be met in its middle."""
    blob(folder / "000.png", 0, (600, 800))
    for number in range(1, 200):
        shutil.copyfile(folder / "000.png", folder / f"{number:03}.png")
    return folder
