"""The numbers of a step that differ between parameters: rates, decay, counts, and the numbers that a rule keeps.

They are worked out once for each distinct row, which parameters with the same multipliers and the same count share.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from mxcore.kernel import Row, Slot
from mxcore.step.counts import Cohort, Counts, Tally
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates

__all__ = ["Rows"]


class Rows:
    """The rows of the parameters of a step.

    Args:
        optimizer: the optimizer.
        indices: the parameters.
        host: the slots of which each parameter has a number.
    """

    __slots__ = (
        "_counts",
        "_distinct",
        "_host",
        "_multipliers",
        "_numbers_seen",
        "_only",
        "_sizes",
        "cohorts",
        "indices",
        "row_of",
    )

    def __init__(self, optimizer: Stepped, indices: Sequence[Any], host: Sequence[Slot]) -> None:
        self.indices, self._host = indices, host
        self.row_of: Sequence[int] = ()
        self.cohorts: list[Cohort] = []
        # Each cohort with its size, which is another one as soon as a member has left.
        self._sizes: list[tuple[Cohort, int]] = []
        # Of each row: the two multipliers, the cohort, and its first parameter.
        self._distinct: list[tuple[float, float, Cohort, Any]] = []
        # If there is one row: its multipliers, its cohort and the size of that.
        self._only: tuple[float, float, Cohort, int] | None = None
        self._counts: Any = None  # what the rows were arranged for
        self._numbers_seen: Any = None
        self.read_multipliers(optimizer)

    # --- which parameter has which row -------------------------------------------------------------------------------

    def read_multipliers(self, optimizer: Stepped) -> None:
        """Look up the multipliers of the parameters anew."""
        lr, wd, multiplier = optimizer.lr_mult, optimizer.wd_mult, optimizer.multiplier
        self._multipliers = [
            (multiplier(index, lr, "lr_mult"), multiplier(index, wd, "wd_mult")) for index in self.indices
        ]
        self._counts = None

    def arrange(self, optimizer: Stepped, tally: Tally) -> None:
        """Find out which parameters share a row. The result is used only after :meth:`settle`."""
        self._counts = None
        assert isinstance(tally.table, Counts)
        cohorts = tally.table.cohorts_of(self.indices, optimizer.begin_num_update)
        rows: dict[Any, int] = {}
        self._distinct, row_of = [], list[int]()
        for index, multipliers, cohort in zip(self.indices, self._multipliers, cohorts, strict=True):
            row = rows.setdefault((*multipliers, cohort, *self._kept(tally, index)), len(rows))
            if row == len(self._distinct):
                self._distinct.append((*multipliers, cohort, index))
            row_of.append(row)
        self.row_of = row_of if len(rows) > 1 else _first_row(len(row_of))
        self.cohorts = list(dict.fromkeys(cohorts))
        self._sizes = [(cohort, cohort.size) for cohort in self.cohorts]
        one = len(rows) == 1 and not self._host
        self._only = (*self._distinct[0][:3], self._sizes[0][1]) if one else None
        self._numbers_seen = _seen(tally)

    def settle(self, tally: Tally) -> None:
        """Rely on the arrangement from now on."""
        self._counts = tally.table

    def for_plans(self, positions: Sequence[Sequence[int]]) -> list[tuple[Sequence[int], list[int] | None]]:
        """For each plan the row of each of its parameters among those that it needs, and which these are; None: all.

        Args:
            positions: the parameters of each plan.
        """
        if len(positions) == 1:
            return [(self.row_of, None)]
        found: list[tuple[Sequence[int], list[int] | None]] = []
        for places in positions:
            own = [self.row_of[place] for place in places]
            needed = list(dict.fromkeys(own))
            number = {row: place for place, row in enumerate(needed)}
            found.append(([number[row] for row in own], needed))
        return found

    def _kept(self, tally: Tally, index: Any) -> tuple[float, ...]:
        """The numbers that the rule keeps for a parameter."""
        if not self._host:
            return ()
        numbers = tally.host_numbers.get(index, {})
        return tuple(numbers.get(slot.name, float(slot.init)) for slot in self._host)

    # --- what the rows are -------------------------------------------------------------------------------------------

    def now(self, optimizer: Stepped, tally: Tally, rates: Rates) -> Sequence[Row] | None:
        """The rows of the next update; None if they have to be arranged first. Nothing is counted yet."""
        if self._counts is not tally.table:
            return None
        if self._only is None:
            return self._several(optimizer, tally, rates)
        # All parameters share one row, as they nearly always do: of a short step, a call would be a good part.
        lr_mult, wd_mult, cohort, size = self._only
        if cohort.size != size:
            return None
        count, update = cohort.cells[cohort.place] + 1, tally.highest.value
        if count > update:
            update = count
        scheduler = optimizer.lr_scheduler
        rate: Any = optimizer.lr if scheduler is None else rates.ask(scheduler, update)
        return ((rate * lr_mult, optimizer.wd * wd_mult, count, update),)

    def _several(self, optimizer: Stepped, tally: Tally, rates: Rates) -> Sequence[Row] | None:
        """The same where there may be several rows."""
        update = tally.highest.value
        for cohort, size in self._sizes:
            if cohort.size != size:
                return None
            count = cohort.cells[cohort.place]
            if count >= update:
                update = count + 1
        if len(self._sizes) > 1 and self._may_join(tally):
            return None
        scheduler, wd, rows = optimizer.lr_scheduler, optimizer.wd, []
        rate: Any = optimizer.lr if scheduler is None else rates.ask(scheduler, update)
        for lr_mult, wd_mult, cohort, _ in self._distinct:
            rows.append((rate * lr_mult, wd * wd_mult, cohort.cells[cohort.place] + 1, update))
        return self._with_kept(tally, rows) if self._host else rows

    def _may_join(self, tally: Tally) -> bool:
        """Whether this is a call over all parameters, some of whose counts have become equal."""
        standings = {cohort.standing for cohort in self.cohorts}
        return len(standings) < len(self.cohorts) and tally.table.covered_by(self.indices)  # type: ignore[attr-defined]

    def _with_kept(self, tally: Tally, rows: Sequence[Row]) -> list[Row] | None:
        if self._numbers_seen != _seen(tally):
            return None
        return [(*row, *self._kept(tally, first[-1])) for row, first in zip(rows, self._distinct, strict=True)]

    def counted(self, optimizer: Stepped, tally: Tally) -> list[Row]:
        """The rows of an update that the optimizer counts, and looks up rates for, in a way of its own."""
        for index in self.indices:
            optimizer._update_count(index)
        rows: dict[Row, int] = {}
        row_of, self._counts = list[int](), None
        for index in self.indices:
            rates = float(optimizer._get_lr(index)), float(optimizer._get_wd(index))
            count, update = tally.table.get(index, optimizer.num_update), optimizer.num_update
            row_of.append(rows.setdefault((*rates, count, update, *self._kept(tally, index)), len(rows)))
        self.row_of = row_of
        return list(rows)


@functools.lru_cache(maxsize=64)
def _first_row(length: int) -> Sequence[int]:
    """The first row for so many parameters: one object, so that a plan which several steps share need not copy it."""
    return (0,) * length


def _seen(tally: Tally) -> tuple[object, int]:
    return tally.host_numbers.version, tally.host_numbers.version.number
