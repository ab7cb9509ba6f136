"""Tables on a terminal and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

ENDLESS = 10_000
GAP = 2  # between two columns
Long: TypeAlias = Literal["wrap", "cut", "break"]


def console(width: int | None = None) -> Console:
    """Return the console; lines for a pipe are never wrapped, so that they can be searched."""
    return Console(width=width if sys.stdout.isatty() else ENDLESS, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], long: Long = "wrap") -> None:
    """Print rows under the names of their columns.

    Args:
        columns: the names.
        rows: the cells.
        long: how to treat lines that are longer than the terminal: wrap or cut their last column, or leave it to the
            terminal to break them.
    """
    lines = [[*map(Text, row)] for row in rows]  # plain text, without rich's [markup]
    out = console(ENDLESS if long == "break" else None)
    if long == "cut":
        widths = (max([len(name), *(line[i].cell_len for line in lines)]) for i, name in enumerate(columns[:-1]))
        room = out.width - sum(width + GAP for width in widths)
        for line in lines:
            line[-1].truncate(max(1, room), overflow="ellipsis")
    table = Table(box=None, header_style="bold", pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, no_wrap=True)
    table.columns[-1].no_wrap, table.columns[-1].overflow = False, "fold"
    for line in lines:
        table.add_row(*line)
    out.print(table, soft_wrap=long == "break")
