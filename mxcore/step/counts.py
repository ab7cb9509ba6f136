"""How often each parameter of a run has been updated, what else a run counts, and what an optimizer shows of it.

Parameters that are always updated together share one count, a :class:`Cohort`: a step over a thousand of them raises
one number. A call that updates only some of a cohort splits it, and a call over all parameters joins those whose counts
are equal. Neither changes any count, so that a step may do both before it knows that it will succeed.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from mxcore.kernel.run.calls import commit
from mxcore.watched import Watched

Index: TypeAlias = int | str
"""What identifies a parameter."""


class Cohort:
    """Parameters with one count.

    Members only ever leave: who joins does so in a new cohort. So a step that remembers how many members it has seen
    knows that they are still the same.

    Args:
        count: their count.
        size: how many they are.
        fresh: whether they have no count yet; ``count`` is what they start from.
    """

    __slots__ = ("cell", "size", "start")

    def __init__(self, count: int, size: int, *, fresh: bool = False) -> None:
        self.cell = ctypes.c_int64(count)  # compiled code raises it where it lies
        self.size = size
        self.start = count if fresh else None

    @property
    def count(self) -> int:
        """The count of each member."""
        return self.cell.value

    @property
    def standing(self) -> tuple[int, bool]:
        """What cohorts have in common that can be joined: the count, and whether there is one."""
        return self.count, self.fresh

    @property
    def fresh(self) -> bool:
        """Whether no update of these parameters has been counted yet."""
        return self.cell.value == self.start


class Counts(MutableMapping[Index, int]):
    """A dict of counts, kept by cohorts."""

    def __init__(self) -> None:
        self._cohorts: dict[Index, Cohort] = {}

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
                self._move(some, begin, fresh=True)
            elif cohort.size > len(some):
                self._move(some, cohort.count, fresh=cohort.fresh)
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
            if len({self._cohorts[index] for index in some}) > 1:
                self._move(some, count, fresh=fresh)

    def _move(self, indices: Sequence[Index], count: int, *, fresh: bool = False) -> None:
        """Let parameters leave their cohorts for one of their own: in one go, or an interrupt leaves half of it."""
        left = Counter(self._cohorts[index] for index in indices if index in self._cohorts)
        sizes = [(setattr, former, "size", former.size - leaving) for former, leaving in left.items()]
        cohort = Cohort(count, len(indices), fresh=fresh)
        commit([(self._cohorts.update, dict.fromkeys(indices, cohort)), *sizes])

    def _remove(self, index: Index) -> None:
        cohort = self._cohorts[index]
        commit([(self._cohorts.pop, index), (setattr, cohort, "size", cohort.size - 1)])

    def forget_fresh(self, indices: Iterable[Index]) -> None:
        """Let go of those of these parameters that have no count: their first update has failed."""
        for index in indices:
            if index in self._cohorts and self._cohorts[index].fresh:
                self._remove(index)

    # --- the dict ----------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Index) -> int:
        cohort = self._cohorts[index]
        if cohort.fresh:
            raise KeyError(index)
        return cohort.count

    def __setitem__(self, index: Index, count: int) -> None:
        cohort = self._cohorts.get(index)
        if cohort is not None and cohort.size == 1:
            commit([(setattr, cohort, "start", None), (setattr, cohort.cell, "value", count)])
        else:
            self._move([index], count)

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


class Counting:
    """Where the updates of an optimizer are counted: in the tally of the updater that is running, or ran last.

    Args:
        tally: one of its own, until there is an updater.
    """

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.owned = False
        """Whether an updater has taken over the optimizer's own tally."""


class Counted:
    """Counts as attributes of an optimizer: those of an updater, or its own where there is none."""

    begin_num_update: int
    _counting: Counting

    @property
    def num_update(self) -> int:
        """The highest count of updates."""
        return int(self._counting.tally.highest.value)

    @num_update.setter
    def num_update(self, count: int) -> None:
        if getattr(self, "_counting", None) is None:
            self._counting = Counting(Tally())  # assigned before the base class's constructor has been called
        self._counting.tally.highest.value = count

    @property
    def _index_update_count(self) -> MutableMapping[Index, int]:
        """How often each parameter has been updated."""
        return self._counting.tally.table

    @_index_update_count.setter
    def _index_update_count(self, counts: MutableMapping[Index, int]) -> None:
        tally = self._counting.tally
        device = next(number for number, table in tally.tables.items() if table is tally.table)
        tally.tables[device] = tally.table = counts

    @property
    def _all_index_update_counts(self) -> dict[int, MutableMapping[Index, int]]:
        """The same for each device."""
        return self._counting.tally.tables

    @property
    def host_numbers(self) -> dict[Index, dict[str, float]]:
        """The numbers that the rule keeps for each parameter."""
        return self._counting.tally.host_numbers

    @host_numbers.setter
    def host_numbers(self, numbers: Mapping[Index, dict[str, float]]) -> None:
        self._counting.tally.host_numbers = Watched(numbers)

    def _update_count(self, index: Index | Sequence[Index]) -> None:
        """Count an update of a parameter, or of several."""
        counts = self._index_update_count
        for one in index if isinstance(index, (list, tuple)) else (index,):
            count = counts[one] = counts.get(one, self.begin_num_update) + 1
            self.num_update = max(count, self.num_update)

    def _set_current_context(self, device_id: int) -> None:
        """Count for one device, so that several which share an optimizer do not count double."""
        tally = self._counting.tally
        tally.table = tally.tables.setdefault(device_id, Counts())


def adopted(optimizer: Any) -> Tally:
    """The tally of a new updater: the optimizer's own for the first one, and then a new one for each."""
    counting: Counting | None = getattr(optimizer, "_counting", None)
    if counting is None or counting.owned:
        return Tally(getattr(optimizer, "begin_num_update", 0))
    counting.owned = True
    return counting.tally


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
