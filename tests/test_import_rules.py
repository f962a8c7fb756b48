"""Every import rule of pyproject.toml is seen to fail on code that breaks it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

RULES: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS: list[dict[str, Any]] = RULES["contracts"]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the packages and their rules."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in RULES["root_packages"]:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("bundles", "__pycache__"))
    return folder


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["name"])
def test_a_planted_import_breaks_the_rule(contract: dict[str, Any], copy: Path) -> None:
    importer, imported = _forbidden_import(contract)
    module = copy / importer.replace(".", "/")
    file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}\nimport {imported}\n", encoding="utf-8")

    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--cache-dir", copy / "cache"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )

    file.write_text(before, encoding="utf-8")
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert f"{contract['name']} BROKEN" in " ".join(linted.stdout.split())


def _forbidden_import(contract: dict[str, Any]) -> tuple[str, str]:
    """Return a module and another that it may not import."""
    if contract["type"] == "layers":
        highest, lowest = contract["layers"][0], contract["layers"][-1]
        return lowest.replace("|", " ").split()[0], highest.split()[0]
    return contract["source_modules"][0], contract["forbidden_modules"][0]
