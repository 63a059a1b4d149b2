"""The one way words reach the terminal: as they stand, each sentence in one line."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from benchmark.errors import printable

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def say(console: Console, text: str, style: str = "") -> None:
    """Print `text` on `console`. Names, paths and cells of anybody's files come along in it: a
    square bracket is no markup, and what would steer a terminal stands as an escape."""
    console.print(cell(text, style), soft_wrap=True)


def cell(text: str, style: str = "") -> Text:
    """`text` for the cell or the title of a printed table, as `say` would show it."""
    return Text(printable(text), style=style)
