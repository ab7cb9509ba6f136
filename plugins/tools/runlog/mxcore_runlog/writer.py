"""What a log writes to: the base class of files and of other destinations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

__all__ = ["Row", "Writer"]

Row: TypeAlias = Mapping[str, float | str]
"""The numbers of an update by column. ``updater`` and ``parameter`` are strings; unknown numbers are left out."""


class Writer:
    """Base class of destinations of a log; a subclass needs only ``write``.

    >>> import numpy as np, mxcore as mx
    >>> class Printer(mx.runlog.Writer):
    ...     def write(self, rows):
    ...         for row in rows:
    ...             print({name: value for name, value in row.items() if name != "time"})
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
    >>> with mx.runlog.open(Printer(), update, columns=["learning_rate", "weight_norm"]):
    ...     update("w", np.array([3.0, 4.0]), np.zeros(2))
    {'update': 1, 'learning_rate': 0.5, 'weight_norm': 2.5}
    """

    def start(self, columns: Sequence[str]) -> None:
        """Begin a log whose rows have these columns, before those that the program adds.

        Raises:
            ValueError: rows with these columns cannot be added to what is there; nothing has changed.
        """

    def check(self, names: Iterable[str]) -> None:
        """Raise a ValueError if numbers with these names cannot be added to a row."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, so that none is lost if the process dies afterwards."""
        raise NotImplementedError(f"{type(self).__name__} must define write(rows)")

    def close(self) -> None:
        """End the log."""
