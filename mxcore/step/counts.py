"""How often each parameter of a run has been updated, and what else a run counts.

Parameters that are always updated together share one count, a :class:`Cohort`: a step over a thousand of them raises
one number. A call that updates only some of a cohort splits it, and a call over all parameters joins those whose counts
are equal. Neither changes any count, so that a step may do both before it knows that it will succeed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from operator import setitem
from typing import Any

from mxcore.kernel.run.calls import commit
from mxcore.watched import Watched

__all__ = ["Cohort", "Counting", "Counts", "Tally", "adopted", "count_in", "viewed"]

Index = Any


class Cells:
    """Room for counts that compiled code can raise, side by side in memory, and never moved."""

    _SIZE = 512

    def __init__(self) -> None:
        self._block, self._next = (ctypes.c_int64 * self._SIZE)(), 0

    def take(self) -> tuple[Any, int]:
        """A new cell: the array that it is in, which is freed with the last reference to it, and its place there."""
        if self._next == self._SIZE:
            self._block, self._next = (ctypes.c_int64 * self._SIZE)(), 0
        self._next += 1
        return self._block, self._next - 1


class Cohort:
    """Parameters with one count.

    Members only ever leave: who joins does so in a new cohort. So a step that remembers how many members it has seen
    knows that they are still the same.

    Args:
        cells: where counts are kept.
        count: their count.
        size: how many they are.
        fresh: whether they have no count yet; ``count`` is what they start from.
    """

    __slots__ = ("cells", "place", "size", "start")

    def __init__(self, cells: Cells, count: int, size: int, *, fresh: bool = False) -> None:
        self.cells, self.place = cells.take()
        self.cells[self.place] = count
        self.size = size
        self.start = count if fresh else None

    @property
    def address(self) -> int:
        """Where the count is, for compiled code."""
        return ctypes.addressof(self.cells) + 8 * self.place

    @property
    def count(self) -> int:
        """The count of each member."""
        return int(self.cells[self.place])

    @property
    def standing(self) -> tuple[int, bool]:
        """What cohorts have in common that can be joined: the count, and whether there is one."""
        return self.count, self.fresh

    @property
    def fresh(self) -> bool:
        """Whether no update of these parameters has been counted yet."""
        return bool(self.cells[self.place] == self.start)


class Counts(MutableMapping[Index, int]):
    """A dict of counts, kept by cohorts."""

    def __init__(self, counts: Mapping[Index, int] | None = None) -> None:
        self._cohorts: dict[Index, Cohort] = {}
        self._cells = Cells()
        self.update(counts or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return Counts, (dict(self),)

    def cohorts_of(self, indices: Sequence[Index], begin: int) -> list[Cohort]:
        """The cohort of each of these parameters, none of which has a member elsewhere.

        Args:
            indices: the parameters, each once.
            begin: what those start from that have no count yet.
        """
        members: dict[Cohort | None, list[Index]] = {}
        for index in indices:
            members.setdefault(self._cohorts.get(index), []).append(index)
        for cohort, some in members.items():
            if cohort is None:
                self._move(some, Cohort(self._cells, begin, len(some), fresh=True))
            elif cohort.size > len(some):
                self._move(some, Cohort(self._cells, cohort.count, len(some), fresh=cohort.fresh), {cohort: len(some)})
        if len(members) > 1 and self.covered_by(indices):
            self._join(indices)
        return [self._cohorts[index] for index in indices]

    def covered_by(self, indices: Sequence[Index]) -> bool:
        """Whether these parameters, each once, are all that have been seen."""
        return len(indices) == len(self._cohorts)

    def _join(self, indices: Iterable[Index]) -> None:
        """Let parameters with equal counts share one cohort."""
        equal: dict[tuple[int, bool], list[Index]] = {}
        for index in indices:
            equal.setdefault(self._cohorts[index].standing, []).append(index)
        for (count, fresh), some in equal.items():
            former = {self._cohorts[index]: self._cohorts[index].size for index in some}
            if len(former) > 1:
                self._move(some, Cohort(self._cells, count, len(some), fresh=fresh), former)

    def _move(self, indices: Iterable[Index], cohort: Cohort, left: Mapping[Cohort, int] | None = None) -> None:
        """Let parameters join a cohort, and so many leave others: in one go, as an interrupt would leave half of it."""
        sizes = [(setattr, former, "size", former.size - count) for former, count in (left or {}).items()]
        commit([(self._cohorts.update, dict.fromkeys(indices, cohort)), *sizes])

    def _remove(self, index: Index) -> None:
        cohort = self._cohorts[index]
        commit([(self._cohorts.pop, index), (setattr, cohort, "size", cohort.size - 1)])

    def forget_fresh(self, indices: Iterable[Index]) -> None:
        """Let go of those of these parameters that have no count: their first update has failed."""
        for index in indices:
            cohort = self._cohorts.get(index)
            if cohort is not None and cohort.fresh:
                self._remove(index)

    # --- the dict ----------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Index) -> int:
        cohort = self._cohorts[index]
        if cohort.fresh:
            raise KeyError(index)
        return cohort.count

    def get(self, index: Index, default: Any = None) -> Any:
        """The count of a parameter, or ``default`` where it has none."""
        cohort = self._cohorts.get(index)
        return default if cohort is None or cohort.fresh else cohort.count

    def __setitem__(self, index: Index, count: int) -> None:
        cohort = self._cohorts.get(index)
        if cohort is not None and cohort.size == 1:
            commit([(setattr, cohort, "start", None), (setitem, cohort.cells, cohort.place, count)])
        else:
            self._move([index], Cohort(self._cells, count, 1), {} if cohort is None else {cohort: 1})

    def __delitem__(self, index: Index) -> None:
        self[index]  # a KeyError, where there is no count
        self._remove(index)

    def __iter__(self) -> Iterator[Index]:
        return (index for index, cohort in self._cohorts.items() if not cohort.fresh)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class Tally:
    """What a run counts: updates by device and parameter, the highest of them, and the numbers that rules keep.

    Args:
        begin: the count that every parameter starts from.
    """

    def __init__(self, begin: int = 0) -> None:
        self.tables: dict[int, MutableMapping[Index, int]] = {0: Counts()}
        self.table = self.tables[0]
        self.highest = ctypes.c_int64(begin)
        self.host_numbers: Watched[Index, dict[str, float]] = Watched()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "highest": self.highest.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, highest=ctypes.c_int64(state["highest"]))

    def select(self, device: int) -> None:
        """Count for a device of that number from now on."""
        self.table = self.tables.setdefault(device, Counts())

    def assign(self, table: MutableMapping[Index, int]) -> None:
        """Count in another mapping from now on, for the present device."""
        device = next(number for number, one in self.tables.items() if one is self.table)
        self.tables[device] = self.table = table

    @contextmanager
    def taken_back_on_failure(self) -> Iterator[None]:
        """Take back what has been counted in the block, if it fails."""
        table, before, highest = self.table, dict(self.table), self.highest.value
        try:
            yield
        except BaseException:
            table.clear()
            table.update(before)
            self.highest.value = highest
            raise

    def forget_fresh(self, indices: Iterable[Index]) -> None:
        """Let go of those of these parameters that have not been counted."""
        if isinstance(self.table, Counts):
            self.table.forget_fresh(indices)


class Counting:
    """Where the updates of an optimizer are counted: in the tally of the updater that is running, or ran last.

    Args:
        tally: one of its own, until there is an updater.
    """

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.owned = False
        """Whether an updater has taken over the optimizer's own tally."""


def adopted(optimizer: Any) -> Tally:
    """The tally of a new updater: the optimizer's own for the first one, and then a new one for each."""
    counting = getattr(optimizer, "_counting", None)
    if counting is None or counting.owned:
        return Tally(getattr(optimizer, "begin_num_update", 0))
    counting.owned = True
    tally: Tally = counting.tally
    return tally


def count_in(optimizer: Any, tally: Tally) -> None:
    """Let an optimizer, or the one that it delegates to, count in a tally from now on."""
    counting = getattr(optimizer, "_counting", None)
    if counting is not None and counting.tally is not tally:
        counting.tally = tally


@contextmanager
def viewed(optimizer: Any, tally: Tally) -> Iterator[None]:
    """Let an optimizer show the counts of a tally in the block."""
    former = getattr(getattr(optimizer, "_counting", None), "tally", tally)
    count_in(optimizer, tally)
    try:
        yield
    finally:
        count_in(optimizer, former)
