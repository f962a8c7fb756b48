"""Lines for people, in which names of files cannot steer a terminal, nor a program that reads them."""

import re
import sys
from collections.abc import Iterable

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Spell out control characters, line ends and changes of direction, as JSON does: `\\n`, `\\u001b`, `\\u202e`."""
    return _CONTROL.sub(_spelt, text)


def _spelt(match: re.Match[str]) -> str:
    return {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(match[0], f"\\u{ord(match[0]):04x}")


def say(line: str) -> None:
    """Print a line of a result."""
    print(visible(line))


def tell(line: str) -> None:
    """Print a line about the command itself on standard error."""
    print(visible(line), file=sys.stderr)


def print_pairs(rows: Iterable[tuple[str, str]], title: str | None = None) -> None:
    """Print names and what belongs to them: a table, or where no terminal is lines with a tab between the two."""
    cells = [(visible(name), visible(value)) for name, value in rows]
    if not sys.stdout.isatty():
        for pair in cells:
            print("\t".join(pair))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, title=title, title_justify="left")
    for pair in cells:
        table.add_row(*map(Text, pair))
    Console().print(table)
