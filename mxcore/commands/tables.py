"""Tables on a terminal and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def console() -> Console:
    """The terminal; a pipe has no width, so that every line is as long as it is and can be searched."""
    return Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under the names of their columns, the last of which is wrapped where a line is too long."""
    table = Table(box=None, header_style="bold", pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, no_wrap=True)
    table.columns[-1].no_wrap, table.columns[-1].overflow = False, "fold"
    for row in rows:
        table.add_row(*map(Text, row))  # brackets are brackets
    console().print(table)
