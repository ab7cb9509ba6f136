"""Update counts: of each parameter, per device and in total, and how an optimizer exposes them.

Parameters that are always updated together share one count, a :class:`Cohort`, so a step over a thousand of them
increments one number. A call that updates only part of a cohort splits it; a call over all parameters merges cohorts
with equal counts. Neither changes any count, so a step can do both before it is certain to succeed.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from mxcore.kernel.run.calls import commit
from mxcore.watched import Watched

Index: TypeAlias = Hashable
"""What identifies a parameter: a number, a name, or a tuple of them."""


class Cohort:
    """Parameters that share a count.

    Members can leave but not join; merging creates a new cohort. So if the number of members has not changed since an
    earlier step, they are still the same.

    Args:
        count: their count.
        size: the number of members.
        fresh: whether they have not been counted yet; ``count`` is then their initial count.
    """

    __slots__ = ("cell", "size", "start")

    def __init__(self, count: int, size: int, *, fresh: bool = False) -> None:
        self.cell = ctypes.c_int64(count)  # compiled code increments it in place
        self.size = size
        self.start = count if fresh else None

    @property
    def count(self) -> int:
        """The count of each member."""
        return self.cell.value

    @property
    def standing(self) -> tuple[int, bool]:
        """What cohorts must have in common to be merged: the count, and whether it is fresh."""
        return self.count, self.fresh

    @property
    def fresh(self) -> bool:
        """Whether no update of these parameters has been counted yet."""
        return self.cell.value == self.start


class Counts(MutableMapping[Index, int]):
    """A dict of counts, stored in cohorts."""

    def __init__(self) -> None:
        self._cohorts: dict[Index, Cohort] = {}

    def cohorts_of(self, indices: Sequence[Index], begin: int) -> list[Cohort]:
        """Return the cohort of each of these parameters, after splitting so that no cohort has other members.

        Args:
            indices: the parameters, each once.
            begin: the initial count of parameters without a count.
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
        """Return whether these distinct parameters are all that have been seen."""
        return len(indices) == len(self._cohorts)

    def _join(self, indices: Iterable[Index]) -> None:
        """Merge the cohorts of parameters with equal counts."""
        equal: dict[tuple[int, bool], list[Index]] = {}
        for index in indices:
            equal.setdefault(self._cohorts[index].standing, []).append(index)
        for (count, fresh), some in equal.items():
            if len({self._cohorts[index] for index in some}) > 1:
                self._move(some, count, fresh=fresh)

    def _move(self, indices: Sequence[Index], count: int, *, fresh: bool = False) -> None:
        """Move parameters to a cohort of their own, in one go, so that an interrupt cannot leave half of it."""
        left = Counter(self._cohorts[index] for index in indices if index in self._cohorts)
        sizes = [(setattr, former, "size", former.size - leaving) for former, leaving in left.items()]
        cohort = Cohort(count, len(indices), fresh=fresh)
        commit([(self._cohorts.update, dict.fromkeys(indices, cohort)), *sizes])

    def _remove(self, index: Index) -> None:
        cohort = self._cohorts[index]
        commit([(self._cohorts.pop, index), (setattr, cohort, "size", cohort.size - 1)])

    def forget_fresh(self, indices: Iterable[Index]) -> None:
        """Forget those of these parameters that have no count, because their first update failed."""
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
        self[index]  # raises a KeyError if there is no count
        self._remove(index)

    def __iter__(self) -> Iterator[Index]:
        return (index for index, cohort in self._cohorts.items() if not cohort.fresh)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class Tally:
    """The counts of a run: of updates by device and parameter, the highest one, and the numbers that rules keep.

    Args:
        begin: the initial count of every parameter.
    """

    def __init__(self, begin: int = 0) -> None:
        self.tables: dict[int, MutableMapping[Index, int]] = {0: Counts()}
        self.table = self.tables[0]
        self.highest = ctypes.c_int64(begin)
        self.host_numbers: Watched[Index, dict[str, float]] = Watched()
        self.model_numbers: dict[str, float] = {}

    @contextmanager
    def taken_back_on_failure(self) -> Iterator[None]:
        """Undo the counting in the block if it fails."""
        table, before, highest = self.table, dict(self.table), self.highest.value
        try:
            yield
        except BaseException:
            table.clear()
            table.update(before)
            self.highest.value = highest
            raise


class Counting:
    """Where the updates of an optimizer are counted: the tally of the updater that is running, or ran last.

    Args:
        tally: the optimizer's own tally, used until there is an updater.
    """

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.owned = False
        """Whether an updater has taken over the optimizer's own tally."""
        self.gated = False
        """Whether a call may do something other than update all of its parameters."""


class Counted:
    """Counts as attributes of an optimizer: those of an updater, or its own if there is none."""

    begin_num_update: int
    _counting: Counting

    @property
    def num_update(self) -> int:
        """The highest update count."""
        return int(self._counting.tally.highest.value)

    @num_update.setter
    def num_update(self, count: int) -> None:
        if getattr(self, "_counting", None) is None:
            self._counting = Counting(Tally())  # assigned before the base class's constructor was called
        self._counting.tally.highest.value = count

    @property
    def _index_update_count(self) -> MutableMapping[Index, int]:
        """The update count of each parameter."""
        return self._counting.tally.table

    @_index_update_count.setter
    def _index_update_count(self, counts: MutableMapping[Index, int]) -> None:
        tally = self._counting.tally
        device = next(number for number, table in tally.tables.items() if table is tally.table)
        tally.tables[device] = tally.table = counts

    @property
    def _all_index_update_counts(self) -> dict[int, MutableMapping[Index, int]]:
        """The update count of each parameter, by device."""
        return self._counting.tally.tables

    @property
    def host_numbers(self) -> dict[Index, dict[str, float]]:
        """The host numbers that the rule keeps for each parameter."""
        return self._counting.tally.host_numbers

    @host_numbers.setter
    def host_numbers(self, numbers: Mapping[Index, dict[str, float]]) -> None:
        self._counting.tally.host_numbers = Watched(numbers)

    @property
    def model_numbers(self) -> dict[str, float]:
        """The numbers that the rule keeps once for all parameters."""
        return self._counting.tally.model_numbers

    def _update_count(self, index: Index | Sequence[Index]) -> None:
        """Count an update of one or several parameters."""
        counts = self._index_update_count
        for one in index if isinstance(index, (list, tuple)) else (index,):
            count = counts[one] = counts.get(one, self.begin_num_update) + 1
            self.num_update = max(count, self.num_update)

    def _set_current_context(self, device_id: int) -> None:
        """Select the device to count for, so that devices which share an optimizer do not count twice."""
        tally = self._counting.tally
        tally.table = tally.tables.setdefault(device_id, Counts())


def adopted(optimizer: Any) -> Tally:
    """Return the tally for a new updater: the optimizer's own for the first one, a new one for each of the others."""
    counting: Counting | None = getattr(optimizer, "_counting", None)
    if counting is None or counting.owned:
        return Tally(getattr(optimizer, "begin_num_update", 0))
    counting.owned = True
    return counting.tally


def count_in(optimizer: Any, tally: Tally) -> bool:
    """Make an optimizer, or the one that it delegates to, count in a tally from now on; return whether it is gated."""
    counting: Counting | None = getattr(optimizer, "_counting", None)
    if counting is None:
        return False
    if counting.tally is not tally:
        counting.tally = tally
    return counting.gated


@contextmanager
def viewed(optimizer: Any, tally: Tally) -> Iterator[None]:
    """Make an optimizer show the counts of a tally in the block."""
    former = getattr(getattr(optimizer, "_counting", None), "tally", tally)
    count_in(optimizer, tally)
    try:
        yield
    finally:
        count_in(optimizer, former)
