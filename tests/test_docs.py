"""The documentation names every setting, command and file, and none that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.app import app
from db.catalogue import EXPORT_COLUMNS
from db.invariants import INVARIANTS
from db.schema.vocabulary import REASONS
from model.data.inspection.findings import KINDS
from tests import file_map
from worker.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it; groups are left out that do nothing by themselves."""
    subcommands = getattr(command, "commands", {})
    if not subcommands or (words[1:] and command.invoke_without_command):
        yield " ".join(words), command
    for name, subcommand in subcommands.items():
        yield from _commands(subcommand, (*words, name))


COMMANDS = dict(_commands(typer.main.get_command(app), ("tagger",)))
COMMANDS_PAGE = _text(DOCS / "commands.md")


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(TAGGER_\w+)` \| (\S[^|\n]*) \| \S", _text(DOCS / "settings.md"), re.MULTILINE))

    def shown(default: Any) -> str:
        return "–" if default is None else f"`{default}`"

    assert rows == {f"TAGGER_{name.upper()}": shown(field.default) for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = COMMANDS[name]

    assert command.help
    assert command.epilog.startswith("Example: ")
    assert f"{name} " in f"{command.epilog} "
    assert all(parameter.help for parameter in command.params if parameter.name != "help")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    [section] = re.findall(rf"^### {name}(?: [A-Z\[][^\n]*)?\n(.*?)(?=^##|\Z)", COMMANDS_PAGE, re.MULTILINE | re.DOTALL)

    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("-")}
    missing = {option for option in options - {"--help", "-h", "--json"} if option not in section}
    assert not missing
    if "--json" in options:
        assert "JSON" in section


def test_no_command_is_documented_that_is_not_there() -> None:
    documented = {match.rstrip() for match in re.findall(r"^### (tagger [a-z -]+)", COMMANDS_PAGE, re.MULTILINE)}

    assert documented == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_calls_only_commands_that_exist(page: Path) -> None:
    """`tagger …` in code, of which the first word is a verb."""
    verbs = {name.split()[1] for name in COMMANDS}
    code = re.findall(r"`([^`\n]+)`|^    (.*)$", _text(page), re.MULTILINE)

    for line in (inline or block for inline, block in code):
        for verb in re.findall(r"(?:^|bin/|&& |scheduler )tagger ([a-z][a-z-]*)", line):
            assert verb in verbs, line


def test_reasons_columns_findings_and_invariants_are_documented() -> None:
    for name in (*REASONS, *EXPORT_COLUMNS, *KINDS):
        assert f"| `{name}` |" in COMMANDS_PAGE
    for name, meaning in INVARIANTS.items():
        assert f"| {name} | {meaning} |" in COMMANDS_PAGE


def test_the_file_map_is_what_make_docs_writes() -> None:
    assert _text(file_map.PAGE) == file_map.page()


def test_the_file_map_has_words_for_every_file() -> None:
    named = [path for package in file_map.PACKAGES for path in (ROOT / package, *file_map.files(ROOT / package))]

    assert [path for path in named if not file_map.summary(path)] == []


def test_the_file_map_has_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert packages - {"tests"} == set(file_map.PACKAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file), target


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(work|root)/", _text(page))
