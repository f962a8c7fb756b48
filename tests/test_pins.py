"""Packages are pinned: constraints.txt by version, requirements.txt, which the image installs, by content too."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from tests.audit import NOT_ASKED, report

ROOT = Path(__file__).parent.parent
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PIN = re.compile(r"^([\w.-]+)==([\w.!+]+)(?: ;[^\\]*)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.MULTILINE)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {plain(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_every_requirement_has_hashes_and_nothing_else_stands_there() -> None:
    assert PIN.sub("", REQUIREMENTS) == ""
    assert "://" not in REQUIREMENTS


def test_requirements_and_constraints_name_the_same_versions() -> None:
    pins = {plain(name): version for name, version in PIN.findall(REQUIREMENTS)}

    assert pins.items() <= constraints().items()


def test_every_dependency_of_the_program_is_among_the_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {plain(re.split(r"[\[<>= ;]", needed)[0]) for needed in project["dependencies"]}

    assert names <= {plain(name) for name, _ in PIN.findall(REQUIREMENTS)}


def test_a_vulnerability_fails_and_is_named() -> None:
    known = {"id": "CVE-1", "fix_versions": ["2.1", "3.0"], "aliases": [], "description": "…"}
    packages = [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "bad", "version": "2.0", "vulns": [known]},
        {"name": "ours", "skip_reason": "not found"},
    ]

    status, text = report(json.dumps({"dependencies": packages}))

    assert status == 1
    assert text.splitlines() == ["bad 2.0: CVE-1, mended in 2.1, 3.0", "pip-audit: 2 packages, 1 vulnerabilities"]


def test_without_an_index_one_line_says_so() -> None:
    unknown = {"dependencies": [{"name": "good", "skip_reason": "not found"}], "fixes": []}

    assert report("") == report(json.dumps(unknown)) == (0, NOT_ASKED)
