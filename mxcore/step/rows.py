"""The numbers of a step that differ between parameters: rates, decay, counts, and the host numbers of a rule.

They are computed once for each distinct row, which parameters with the same multipliers and count share.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from mxcore.kernel import Row, Slot
from mxcore.step.counts import Cohort, Counts, Tally
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.sources import Source

_NONE: Mapping[str, float] = {}


class _Shared(NamedTuple):
    """What the parameters of a row have in common."""

    lr_mult: float
    wd_mult: float
    cohort: Cohort
    group: int
    first: Any
    """The first of these parameters."""


class Rows:
    """The rows of the parameters of a step.

    Args:
        optimizer: the optimizer.
        indices: the parameters.
        host: the slots that are host numbers.
        rates: the source of learning rates.
        groups: the number of each parameter's group.
        sources: what gives the numbers of each group; None if there are no groups, and no schedules of other numbers.
    """

    # As in Step, to touch little memory.
    __slots__ = (
        "_distinct", "_groups", "_host", "_inits", "_multipliers", "_names", "_numbers_seen", "_of_both", "_of_each",
        "_only", "_rates", "arranged_for", "cohorts", "indices", "row_of", "sources",
    )  # fmt: skip

    def __init__(
        self,
        optimizer: Stepped,
        indices: Sequence[Any],
        host: Sequence[Slot],
        rates: Rates,
        groups: Sequence[int],
        sources: Sequence[Source] | None,
    ) -> None:
        self.indices, self._rates, self._groups, self.sources = indices, rates, groups, sources
        self._host, self._names, self._inits = host, [slot.name for slot in host], [float(slot.init) for slot in host]
        self._of_each = any(not slot.of_model for slot in host)
        self._of_both = self._of_each and any(slot.of_model for slot in host)
        self.row_of: Sequence[int] = ()
        self.cohorts: dict[Cohort, int] = {}
        """Each cohort with its size, which changes as soon as a member leaves."""
        self._distinct: list[_Shared] = []
        # If there is only one row: its multipliers, its cohort, and the cohort's size.
        self._only: tuple[float, float, Cohort, int] | None = None
        self.arranged_for: MutableMapping[Any, int] | None = None
        """The counts for which the rows have been arranged; None while the arrangement is invalid."""
        self._numbers_seen: Any = None
        self.read_multipliers(optimizer)

    # --- which parameter has which row -------------------------------------------------------------------------------

    def read_multipliers(self, optimizer: Stepped) -> None:
        """Look up the multipliers of the parameters again."""
        lr, wd, multiplier = optimizer.lr_mult, optimizer.wd_mult, optimizer.multiplier
        self._multipliers = [
            (multiplier(index, lr, "lr_mult"), multiplier(index, wd, "wd_mult")) for index in self.indices
        ]
        self.arranged_for = None

    def arrange(self, optimizer: Stepped, tally: Tally, counts: Counts) -> None:
        """Determine which parameters share a row. The caller sets :attr:`arranged_for` afterwards."""
        self.arranged_for = None
        cohorts = counts.cohorts_of(self.indices, optimizer.begin_num_update)
        rows: dict[Any, int] = {}
        self._distinct, row_of = [], list[int]()
        every = zip(self.indices, self._multipliers, cohorts, self._groups, strict=True)
        for index, multipliers, cohort, group in every:
            row = rows.setdefault((*multipliers, cohort, group, *self._kept(tally, index)), len(rows))
            if row == len(self._distinct):
                self._distinct.append(_Shared(*multipliers, cohort, group, index))
            row_of.append(row)
        self.row_of = row_of if len(rows) > 1 else _first_row(len(row_of))
        self.cohorts = {cohort: cohort.size for cohort in cohorts}
        shared = self.sources is None or self.sources[self._distinct[0].group].shares_rate
        one = len(rows) == 1 and not self._of_each and shared
        self._only = (*self._distinct[0][:3], cohorts[0].size) if one else None
        self._numbers_seen = _seen(tally)

    def _kept(self, tally: Tally, index: Any) -> Iterable[float]:
        """Return the host numbers of a parameter."""
        own, of_all = tally.host_numbers.get(index, _NONE), tally.model_numbers
        if self._of_both:
            every = zip(self._host, self._inits, strict=True)
            return [(of_all if slot.of_model else own).get(slot.name, init) for slot, init in every]
        return map((own if self._of_each else of_all).get, self._names, self._inits)

    # --- the values of the rows ---------------------------------------------------------------------------------------

    def now(self, optimizer: Stepped, tally: Tally) -> Sequence[Row] | None:
        """Return the rows of the next update without counting it, or None if they have to be arranged first."""
        if self.arranged_for is not tally.table:
            return None
        if self._only is None:
            return self._several(optimizer, tally)
        # All parameters share a row, as is nearly always true: inlined, since a call would slow down short steps.
        lr_mult, wd_mult, cohort, size = self._only
        if cohort.size != size:
            return None
        count, update = cohort.cell.value + 1, tally.highest.value
        if count > update:
            update = count
        scheduler = optimizer.lr_scheduler
        rate: Any = optimizer.lr if scheduler is None else self._rates.ask(scheduler, update)
        kept = self._kept(tally, self.indices[0]) if self._host else ()
        if self.sources is None:
            return ((rate * lr_mult, optimizer.wd * wd_mult, count, update, *kept),)
        source = self.sources[self._distinct[0].group]
        return ((rate * lr_mult, source.decay(update) * wd_mult, count, update, *kept, *source.more(update)),)

    def _several(self, optimizer: Stepped, tally: Tally) -> Sequence[Row] | None:
        """Return the rows if there may be several."""
        update = tally.highest.value
        for cohort, size in self.cohorts.items():
            if cohort.size != size:
                return None
            count = cohort.cell.value
            if count >= update:
                update = count + 1
        if len(self.cohorts) > 1 and self._may_join():
            return None
        if self._of_each and self._numbers_seen != _seen(tally):
            return None
        if self.sources is None:
            scheduler = optimizer.lr_scheduler
            rate: Any = optimizer.lr if scheduler is None else self._rates.ask(scheduler, update)
            numbers = [(rate, optimizer.wd)]
        else:
            numbers = [(one.rate(optimizer, update, self._rates), one.decay(update)) for one in self.sources]
        rows: list[Row] = []
        for lr_mult, wd_mult, cohort, group, first in self._distinct:
            rate, wd = numbers[group]
            kept = self._kept(tally, first) if self._host else ()
            more = () if self.sources is None else self.sources[group].more(update)
            rows.append((rate * lr_mult, wd * wd_mult, cohort.cell.value + 1, update, *kept, *more))
        return rows

    def _may_join(self) -> bool:
        """Return whether this is a call over all parameters, some of whose counts have become equal."""
        if len({cohort.standing for cohort in self.cohorts}) == len(self.cohorts):
            return False
        return isinstance(self.arranged_for, Counts) and self.arranged_for.covered_by(self.indices)

    def counted(self, optimizer: Stepped, tally: Tally) -> list[Row]:
        """Return the rows if the optimizer overrides how to count or how to look up rates."""
        for index in self.indices:
            optimizer._update_count(index)
        # No cohorts, since the optimizer has already counted.
        rows: dict[Row, int] = {}
        row_of, self.cohorts, self.arranged_for = list[int](), {}, None
        for index, group in zip(self.indices, self._groups, strict=True):
            rates = float(optimizer._get_lr(index)), float(optimizer._get_wd(index))
            count, update = tally.table.get(index, optimizer.num_update), optimizer.num_update
            more = () if self.sources is None else self.sources[group].more(update)
            row_of.append(rows.setdefault((*rates, count, update, *self._kept(tally, index), *more), len(rows)))
        self.row_of = row_of
        return list(rows)


@functools.lru_cache(maxsize=64)
def _first_row(length: int) -> Sequence[int]:
    """Return row 0 for each of this many parameters, cached so that a plan shared by several steps need not copy it."""
    return (0,) * length


def _seen(tally: Tally) -> tuple[object, int]:
    return tally.host_numbers.version, tally.host_numbers.version.number
