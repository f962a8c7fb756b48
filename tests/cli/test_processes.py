"""`tagger` as a process: what it says when its settings, its files or its streams cannot be used."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.commands.forked import TAGGER, Forked, ended


def tagger(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, forked unless a shell is told to redirect its streams."""
    if not shell and "PYTHONIOENCODING" not in environment:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return ended(Forked([TAGGER, *arguments], **pipes, text=True, env=os.environ | environment), timeout_s=60)
    command = ["bash", "-c", f'exec "$@" {shell}', "bash", str(TAGGER), *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env=os.environ | environment
    )


def test_a_file_of_settings_in_another_encoding_is_told_by_doctor_and_every_command(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("TAGGER_MODEL=Schlüpfer".encode("latin-1"))

    config, doctor = tagger("config"), tagger("doctor", "--json")

    assert (config.returncode, doctor.returncode) == (3, 3)
    assert ".env is not UTF-8" in config.stderr
    assert config.stderr.count("\n") == 1
    [finding] = json.loads(doctor.stdout)
    assert (finding["check"], finding["ok"]) == ("settings", False)


@pytest.mark.parametrize(
    "setting",
    [
        {"TAGGER_BROKER_URL": "redis://:hunter/2@h:6379/0"},
        {"TAGGER_BROKER_URL": "redis://:hunter2@127.0.0.1:1/0?colour=red"},
        {"TAGGER_DATABASE_URL": "postgresql://me:hunter2"},
    ],
)
def test_doctor_survives_a_url_that_cannot_be_used(setting: dict[str, str]) -> None:
    doctor = tagger("doctor", **setting)

    assert doctor.returncode == 3
    assert "Traceback" not in doctor.stderr
    assert "hunter" not in doctor.stdout + doctor.stderr
    assert next(iter(setting)) in doctor.stderr


def test_a_full_disk_under_standard_output_is_told() -> None:
    done = tagger("config", "--json", shell=">/dev/full")

    assert done.returncode == 3
    assert "(No space left on device)" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_closed_standard_output_is_told() -> None:
    done = tagger("config", shell=">&-")

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "standard output is closed" in done.stderr


def test_pipes_are_utf8_whatever_python_was_told() -> None:
    done = tagger("config", TAGGER_SOURCE="Röcke日本", PYTHONIOENCODING="latin-1")

    assert done.returncode == 0, done.stderr
    assert "Röcke日本" in done.stdout


def source_seen(*arguments: str) -> str:
    done = tagger(*arguments, "config", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["TAGGER_SOURCE"])


def test_a_file_of_settings_with_a_byte_order_mark_keeps_its_first_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TAGGER_SOURCE=ours\n", encoding="utf-8-sig")

    assert source_seen() == "ours"


@pytest.mark.parametrize("foreign", ["writable", "owned", "linked"])
def test_a_file_of_settings_that_is_not_the_users_own_is_not_read_unless_it_is_named(
    tmp_path: Path, foreign: str
) -> None:
    file = tmp_path / ".env"
    file.write_text("TAGGER_SOURCE=theirs\n")
    if foreign == "writable":
        file.chmod(0o646)
    elif os.geteuid():
        pytest.skip("only root can give files away")
    elif foreign == "owned":
        os.chown(file, 12345, 0)
    else:
        file.rename(tmp_path / "settings")
        file.symlink_to("settings")
        os.chown(file, 12345, 0, follow_symlinks=False)

    config, doctor = tagger("config", "--json"), tagger("doctor", "--json")

    assert json.loads(config.stdout)["TAGGER_SOURCE"] == ""
    assert ".env of this folder is not read" in config.stderr
    [finding] = [row for row in json.loads(doctor.stdout) if row["check"] == "settings"]
    assert not finding["ok"]
    assert source_seen("--env-file", ".env") == "theirs"


def test_a_named_file_of_settings_that_is_not_there_is_told() -> None:
    done = tagger("--env-file", "nowhere.env", "config")

    assert done.returncode == 3
    assert "nowhere.env" in done.stderr


def test_the_version_is_shown() -> None:
    assert re.fullmatch(r"tagger \d+\.\d+\S*\n", tagger("--version").stdout)


def test_a_misspelt_setting_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TAGGER_MODLE=clothing\n")

    config, doctor = tagger("config", TAGGER_BROKR_URL="redis://h"), tagger("doctor", TAGGER_BROKR_URL="redis://h")

    for name, meant in (("TAGGER_MODLE", "TAGGER_MODEL"), ("TAGGER_BROKR_URL", "TAGGER_BROKER_URL")):
        assert f"{name} is no setting; is {meant} meant?" in config.stderr
        assert f"{name} is no setting; is {meant} meant?" in doctor.stderr


def test_the_home_is_expanded_in_paths_and_lines_are_plain_where_no_terminal_is(tmp_path: Path) -> None:
    done = tagger("config", HOME=str(tmp_path), TAGGER_SOURCE="~/photos", TAGGER_DATABASE_URL="sqlite:///~/tags.db")

    lines = dict(line.split("\t")[:2] for line in done.stdout.splitlines())
    assert lines["TAGGER_SOURCE"] == f"{tmp_path}/photos"
    assert lines["TAGGER_DATABASE_URL"] == f"sqlite:///{tmp_path}/tags.db"


def test_an_export_of_a_category_that_no_image_has_says_so() -> None:
    assert tagger("db", "upgrade").returncode == 0

    done = tagger("export", "--category", "Nosuch")

    assert (done.returncode, done.stderr) == (1, "tagger: no image has the category 'Nosuch'; nothing is tagged yet\n")
