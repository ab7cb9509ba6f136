"""Tables on a terminal and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

ENDLESS = 10_000
GAP = 2  # between two columns
Long: TypeAlias = Literal["wrap", "cut", "break"]


def console(width: int | None = None) -> Console:
    """The terminal; a pipe has no width, so that every line is as long as it is and can be searched."""
    return Console(width=width if sys.stdout.isatty() else ENDLESS, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], long: Long = "wrap") -> None:
    """Print rows under the names of their columns.

    Args:
        columns: the names.
        rows: the cells.
        long: what becomes of lines that are longer than the terminal: their last column is wrapped or cut, or the
            terminal breaks them.
    """
    rows = list(rows)
    table = Table(box=None, header_style="bold", pad_edge=False, show_header=any(columns))
    out, used = console(ENDLESS if long == "break" else None), 0
    for position, column in enumerate(columns[:-1]):
        width = max([len(column), *(len(row[position]) for row in rows)])
        table.add_column(column, no_wrap=True, min_width=width)
        used += width + GAP
    cut: Any = {"no_wrap": True, "overflow": "ellipsis", "max_width": max(1, out.width - used)}
    table.add_column(columns[-1], **cut if long == "cut" else {"overflow": "fold"})
    for row in rows:
        table.add_row(*map(Text, row))  # brackets are brackets
    out.print(table, soft_wrap=long == "break")
