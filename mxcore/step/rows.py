"""The numbers of a step that differ between parameters: rates, decay, counts, and the numbers that a rule keeps.

They are worked out once for each distinct row, which parameters with the same multipliers and the same count share.
"""

from __future__ import annotations

import functools
from collections.abc import MutableMapping, Sequence
from typing import Any, NamedTuple

from mxcore.kernel import Row, Slot
from mxcore.step.counts import Cohort, Counts, Tally
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates


class _Shared(NamedTuple):
    """What the parameters that have one row share."""

    lr_mult: float
    wd_mult: float
    cohort: Cohort
    first: Any
    """The first of them."""


class Rows:
    """The rows of the parameters of a step.

    Args:
        optimizer: the optimizer.
        indices: the parameters.
        host: the slots of which each parameter has a number.
        rates: asks the scheduler.
    """

    # As for steps: so that little memory is touched.
    __slots__ = (
        "_distinct", "_host", "_multipliers", "_numbers_seen", "_only", "_rates", "arranged_for", "cohorts", "indices",
        "row_of",
    )  # fmt: skip

    def __init__(self, optimizer: Stepped, indices: Sequence[Any], host: Sequence[Slot], rates: Rates) -> None:
        self.indices, self._host, self._rates = indices, host, rates
        self.row_of: Sequence[int] = ()
        self.cohorts: dict[Cohort, int] = {}
        """Each cohort with its size, which is another one as soon as a member has left."""
        self._distinct: list[_Shared] = []
        # If there is one row: its multipliers, its cohort and the size of that.
        self._only: tuple[float, float, Cohort, int] | None = None
        self.arranged_for: MutableMapping[Any, int] | None = None
        """The counts that the rows have been arranged for; None as long as that is not to be relied on."""
        self._numbers_seen: Any = None
        self.read_multipliers(optimizer)

    # --- which parameter has which row -------------------------------------------------------------------------------

    def read_multipliers(self, optimizer: Stepped) -> None:
        """Look up the multipliers of the parameters anew."""
        lr, wd, multiplier = optimizer.lr_mult, optimizer.wd_mult, optimizer.multiplier
        self._multipliers = [
            (multiplier(index, lr, "lr_mult"), multiplier(index, wd, "wd_mult")) for index in self.indices
        ]
        self.arranged_for = None

    def arrange(self, optimizer: Stepped, tally: Tally, counts: Counts) -> None:
        """Find out which parameters share a row. The caller sets :attr:`arranged_for` afterwards."""
        self.arranged_for = None
        cohorts = counts.cohorts_of(self.indices, optimizer.begin_num_update)
        rows: dict[Any, int] = {}
        self._distinct, row_of = [], list[int]()
        for index, multipliers, cohort in zip(self.indices, self._multipliers, cohorts, strict=True):
            row = rows.setdefault((*multipliers, cohort, *self._kept(tally, index)), len(rows))
            if row == len(self._distinct):
                self._distinct.append(_Shared(*multipliers, cohort, index))
            row_of.append(row)
        self.row_of = row_of if len(rows) > 1 else _first_row(len(row_of))
        self.cohorts = {cohort: cohort.size for cohort in cohorts}
        one = len(rows) == 1 and not self._host
        self._only = (*self._distinct[0][:3], cohorts[0].size) if one else None
        self._numbers_seen = _seen(tally)

    def _kept(self, tally: Tally, index: Any) -> tuple[float, ...]:
        """The numbers that the rule keeps for a parameter."""
        if not self._host:
            return ()
        numbers = tally.host_numbers.get(index, {})
        return tuple(numbers.get(slot.name, float(slot.init)) for slot in self._host)

    # --- what the rows are -------------------------------------------------------------------------------------------

    def now(self, optimizer: Stepped, tally: Tally) -> Sequence[Row] | None:
        """The rows of the next update; None if they have to be arranged first. Nothing is counted yet."""
        if self.arranged_for is not tally.table:
            return None
        if self._only is None:
            return self._several(optimizer, tally)
        # All parameters share one row, as they nearly always do: of a short step, a call would be a good part.
        lr_mult, wd_mult, cohort, size = self._only
        if cohort.size != size:
            return None
        count, update = cohort.cell.value + 1, tally.highest.value
        if count > update:
            update = count
        scheduler = optimizer.lr_scheduler
        rate: Any = optimizer.lr if scheduler is None else self._rates.ask(scheduler, update)
        return ((rate * lr_mult, optimizer.wd * wd_mult, count, update),)

    def _several(self, optimizer: Stepped, tally: Tally) -> Sequence[Row] | None:
        """The same where there may be several rows."""
        update = tally.highest.value
        for cohort, size in self.cohorts.items():
            if cohort.size != size:
                return None
            count = cohort.cell.value
            if count >= update:
                update = count + 1
        if self._may_join() or (self._host and self._numbers_seen != _seen(tally)):
            return None
        scheduler, wd = optimizer.lr_scheduler, optimizer.wd
        rate: Any = optimizer.lr if scheduler is None else self._rates.ask(scheduler, update)
        rows: list[Row] = []
        for lr_mult, wd_mult, cohort, first in self._distinct:
            row = (rate * lr_mult, wd * wd_mult, cohort.cell.value + 1, update)
            rows.append((*row, *self._kept(tally, first)) if self._host else row)
        return rows

    def _may_join(self) -> bool:
        """Whether this is a call over all parameters, some of whose counts have become equal."""
        if len(self.cohorts) < 2 or len({cohort.standing for cohort in self.cohorts}) == len(self.cohorts):
            return False
        return isinstance(self.arranged_for, Counts) and self.arranged_for.covered_by(self.indices)

    def counted(self, optimizer: Stepped, tally: Tally) -> list[Row]:
        """The rows of an update that the optimizer counts, and looks up rates for, in a way of its own."""
        for index in self.indices:
            optimizer._update_count(index)
        # No cohorts: there is nothing left to count.
        rows: dict[Row, int] = {}
        row_of, self.cohorts, self.arranged_for = list[int](), {}, None
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
