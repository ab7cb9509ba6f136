"""Counts of updates by parameter, which a fused step raises for all of its parameters at once."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence

__all__ = ["Counts"]

Index = int | str


class Counts(MutableMapping[Index, int]):
    """A dict of counts. Those that :meth:`advance` raises are written out when somebody looks."""

    def __init__(self) -> None:
        self._counts: dict[Index, int] = {}
        self.followed: Sequence[Index] = ()
        """The indices of :meth:`follow`; others as soon as somebody has changed a count since."""
        self._start = 0
        self._pending = 0

    def follow(self, indices: Sequence[Index], start: int) -> None:
        """Prepare for :meth:`advance` of these indices; one that has no count yet has ``start``."""
        self._settle()
        self.followed, self._start = indices, start

    def advance(self) -> None:
        """Count one update of each of the indices that are followed."""
        self._pending += 1

    def _settle(self) -> None:
        pending, self._pending = self._pending, 0
        if pending:
            for index in self.followed:
                self._counts[index] = self._counts.get(index, self._start) + pending

    def __getitem__(self, index: Index) -> int:
        self._settle()
        return self._counts[index]

    def __setitem__(self, index: Index, count: int) -> None:
        self._settle()
        self.followed = ()
        self._counts[index] = count

    def __delitem__(self, index: Index) -> None:
        self._settle()
        self.followed = ()
        del self._counts[index]

    def __iter__(self) -> Iterator[Index]:
        self._settle()
        return iter(self._counts)

    def __len__(self) -> int:
        self._settle()
        return len(self._counts)

    def __repr__(self) -> str:
        self._settle()
        return repr(self._counts)
