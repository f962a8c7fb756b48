"""The file map in docs/files.md, made of the docstrings' first lines by `make docs`."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "files.md"
PACKAGES = ("cli", "scheduler", "worker", "review", "model", "db", "stack", "bench", "samples")
OTHER_FOLDERS = {
    "db/migrations/versions": "The tables' versions, one file each.",
    "model/bundles": "The bundles that come with the program.",
    "model/evaluation/report/templates": "HTML and CSS of the pages.",
    "samples/images": "100 labelled images of Fashion-MNIST.",
}
_HEAD = """# Files

Made by `make docs` from the first line of every docstring. Each process is a folder, each library is a folder, and
imports go one way: see [Architecture](architecture.md). `tests/` mirrors this tree.
"""


def page() -> str:
    """Return docs/files.md as it should be."""
    return _HEAD + "".join(_section(package) for package in PACKAGES)


def summary(path: Path) -> str:
    """Return what a module's or a package's docstring says in its first line; empty without one."""
    if path.is_dir() and not (path / "__init__.py").exists():
        return OTHER_FOLDERS[path.relative_to(ROOT).as_posix()]
    file = path / "__init__.py" if path.is_dir() else path
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def files(package: Path) -> Iterator[Path]:
    """Yield what the map names: the modules of a package, then its folders, each followed by what is in it."""
    for path in sorted(package.glob("*.py")):
        if path.name != "__init__.py":
            yield path
    for folder in sorted(path for path in package.iterdir() if path.is_dir()):
        if (folder / "__init__.py").exists():
            yield folder
            yield from files(folder)
        elif folder.relative_to(ROOT).as_posix() in OTHER_FOLDERS:
            yield folder


def _section(package: str) -> str:
    root = ROOT / package
    rows = [(_indented(path, root), summary(path)) for path in files(root)]
    width = max((len(name) for name, _ in rows), default=0) + 2
    lines = [f"{name:<{width}}{text}" for name, text in rows]
    tree = "\n".join(["", "```", *lines, "```", ""]) if lines else ""
    return f"\n## {package}/\n\n{summary(root)}\n{tree}"


def _indented(path: Path, root: Path) -> str:
    depth = len(path.relative_to(root).parts) - 1
    return "  " * depth + path.name + ("/" if path.is_dir() else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
