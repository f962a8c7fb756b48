"""The house's rules: few files a room, short files, short functions, no circles, no words of what left the code."""

import ast
import re
import subprocess
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.conftest import ROOT

PACKAGES = ("cli", "scheduler", "worker", "review", "model", "db", "stack")
GONE = (
    "strange" + "ness",
    "ver" + "dict",
    "si" + "eve",
    "like" + "ness",
    "les" + "sons",
    "so" + "up",
    "tw" + "ins",
    "narrow" + "ing",
    "mu" + "on",
    "keras_" + "backbones",
    "--as" + r"k\b",
    "--re" + "start",
)
"""In two pieces each, as this file is looked through as well."""


def _sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=False, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / path for path in listed.stdout.splitlines() if (ROOT / path).exists()]


def test_the_front_door_of_the_model_has_nine_files() -> None:
    assert len(list((ROOT / "model").glob("[!_]*.py"))) == 9


def test_no_package_has_more_than_thirteen_modules() -> None:
    sizes = Counter(path.parent for path in _sources() if path.name != "__init__.py")

    assert {
        folder.relative_to(ROOT).as_posix(): size
        for folder, size in sizes.items()
        if size > 13 and "tests" not in folder.parts
    } == {}


def test_no_file_has_more_than_250_lines() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in _sources()
    }

    assert {path: length for path, length in lengths.items() if length > 250 and "/versions/0001" not in path} == {}


def test_no_function_has_more_than_50_lines() -> None:
    long = []
    for path in _sources():
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 50:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")

    assert long == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)

    TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}).prepare()


def test_no_source_has_a_word_of_what_left_the_code() -> None:
    gone = re.compile("|".join(GONE), re.IGNORECASE)

    assert [path.name for path in _sources() if gone.search(path.read_text(encoding="utf-8"))] == []
