"""A step: one call of a rule over some parameters, with everything worked out that stays the same between calls.

It holds no arrays. It knows how they lie and what follows from that; each call hands them over, and is told if one lies
in another way.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from mxcore.backend import Array, shared_backend
from mxcore.kernel import Call, Member, Plan, Row, commit, job_of
from mxcore.kernel.run.inspector import Inspector
from mxcore.kernel.run.layout import check_apart, unowned
from mxcore.native.words import DONE, MOVED
from mxcore.step.arguments import check_pair
from mxcore.step.counts import Counts, Tally
from mxcore.step.plans import Plans, grouped
from mxcore.step.program import Settings
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.rows import Rows
from mxcore.step.states import StateReader, States
from mxcore.step.traits import traits_of

__all__ = ["Step"]

_KNOWN: list[Array] = []
"""In place of the states of a call: the native side knows where they are."""


class Step:
    """One call of a rule over some parameters.

    Args:
        optimizer: the optimizer, whose class has a rule.
        settings: its settings.
        indices: the parameters.
        weights: their weights.
        grads: their gradients.
        states: their states, in a list or by index.
        masters: whether the states of half-precision weights begin with a master.
        plans: where plans are made and kept.

    Raises:
        TypeError, ValueError: an array does not fit, or cannot be updated in place.
    """

    # So that little memory is touched where thousands of parameters are updated one by one.
    __slots__ = (
        "_address", "_at_once", "_backend", "_device", "_drive", "_go", "_host", "_inspector", "_job",
        "_keeps", "_memory", "_named", "_own_rates", "_positions", "_repeatable", "_row_of", "_rows",
        "_settings", "_states", "_table", "_tables_seen", "indices", "masters",
        "other", "plans",
    )  # fmt: skip

    def __init__(
        self,
        optimizer: Stepped,
        settings: Settings,
        indices: Sequence[Any],
        weights: Sequence[Array],
        grads: Sequence[Array],
        states: States,
        masters: bool,
        plans: Plans,
    ) -> None:
        self.indices, self.masters, self._settings = list(indices), masters, settings
        has_master = [masters and optimizer.has_master(weight) for weight in weights]
        self._states = StateReader(self.indices, has_master, states)
        self._host = [slot for slot in settings.program.slots if slot.on_host]
        self._own_rates = traits_of(type(optimizer)).own_rates
        self._tables_seen = optimizer._tables_version.number
        self._named = self._read_names(optimizer)
        self._rows = Rows(optimizer, self.indices, self._host)
        further = self._states.read(states)
        every = zip(weights, grads, further, strict=True)
        members = [self._member(optimizer, place, *one) for place, one in enumerate(every)]
        self._backend = shared_backend((member.label, member.weight) for member in members)
        self._positions = grouped(self._backend, members)
        chosen = [[members[place] for place in places] for places in self._positions]
        self.plans: list[Plan] = [plans.plan(self._backend, settings.program, some[0].static, some) for some in chosen]
        self._job = job_of(self.plans, self._positions, [0, *itertools.accumulate(self._states.lengths)])
        if self._job is None:
            arrays = [*weights, *grads, *itertools.chain.from_iterable(further)]
            self._inspector = Inspector(self._backend, arrays)
            self._table: list[Call] | None = None
            self._repeatable = not self._own_rates and all(plan.repeatable for plan in self.plans)
            self._keeps = False
        else:
            self._memory, self._address = self._job.memory, self._job.address
            self._drive, self._go = self._job.drive, self._job.go
        self._at_once = self._job is not None and self._job.at_once and not self._host and not self._own_rates
        self._device = self._backend.device_of(weights[0])
        self._row_of: list[tuple[Plan, Sequence[int], list[int] | None]] = []
        self.other: Step | None = None
        """Another step over the same parameters, whose arrays lie in another way."""

    def _member(self, optimizer: Stepped, place: int, weight: Array, grad: Array, further: Sequence[Array]) -> Member:
        label = optimizer.describe(self.indices[place])
        check_pair(label, weight, grad)
        master, slots = (further[0], further[1:]) if self._states.has_master[place] else (None, further)
        flags, noise_key = self._named[place]
        return Member(
            label=label,
            weight=weight,
            grad=grad,
            master=master,
            arrays=self._settings.program.slot_arrays(label, weight if master is None else master, slots),
            static={**self._settings.static, **flags},
            noise_key=noise_key,
        )

    def _read_names(self, optimizer: Stepped) -> list[tuple[dict[str, Any], Any]]:
        """What the names of the parameters decide: flags of the rule, and the key of the noise."""
        names = (optimizer.idx2name.get(index) for index in self.indices)
        known = [index if name is None else name for index, name in zip(self.indices, names, strict=True)]
        return [(dict(optimizer.flags(str(name))), name) for name in known]

    # --- is it still the same? ---------------------------------------------------------------------------------------

    def _follow(self, optimizer: Stepped, settings: Settings) -> bool:
        """Take over what has been assigned; False where another step is needed for it."""
        if settings is not self._settings:
            if not settings.same_program(self._settings):
                return False
            self._settings = settings
        seen = optimizer._tables_version.number
        if seen != self._tables_seen or optimizer.param_dict:
            if self._read_names(optimizer) != self._named:
                return False
            self._rows.read_multipliers(optimizer)
            self._tables_seen = seen
        return True

    # --- running -----------------------------------------------------------------------------------------------------

    def run(
        self,
        optimizer: Stepped,
        settings: Settings,
        tally: Tally,
        rates: Rates,
        weights: list[Array],
        grads: list[Array],
        states: States,
    ) -> bool:
        """Update every parameter, and count; a failure leaves everything as it was.

        Args:
            optimizer: the optimizer.
            settings: its settings as they are now.
            tally: where updates are counted.
            rates: asks its scheduler.
            weights: the weights.
            grads: the gradients.
            states: the states, in a list or by index.

        Returns:
            False where settings or arrays ask for another step; nothing has been done then.
        """
        seen = optimizer._tables_version.number == self._tables_seen and not optimizer.param_dict
        if not (seen and settings is self._settings) and not self._follow(optimizer, settings):
            return False
        numbers = None if self._own_rates else self._rows.now(optimizer, tally, rates)
        if numbers is None:
            if self._own_rates or type(tally.table) is not Counts:
                return self._run_counting(optimizer, tally, weights, grads, states)
            numbers = self._arranged(optimizer, tally, rates)
        if self._at_once:
            self._prepare(numbers)
            # Rather than through _take: of a short step, one foreign call more would be a good part.
            others = self._expect(weights, grads, states)
            if others is None:
                return False
            found = self._drive(self._address)
            if found != DONE and found != MOVED:
                return False
            if found == MOVED:
                self._check_apart(optimizer, weights, grads, states)
                self._go(self._address)
            if others is not _KNOWN:
                self._states.remember(states)
            return True
        taken = self._take(optimizer, weights, grads, states)
        if taken is None:
            return False
        self._perform(tally, numbers, taken, self._counts(tally))
        return True

    def run_in_place(self, optimizer: Stepped, settings: Settings, tally: Tally, rates: Rates) -> bool:
        """The same for the arrays of the call before, which must still be there; False where that cannot be."""
        if self._own_rates or type(tally.table) is not Counts or (self._job is None and self._table is None):
            return False
        seen = optimizer._tables_version.number == self._tables_seen and not optimizer.param_dict
        if not (seen and settings is self._settings) and not self._follow(optimizer, settings):
            return False
        numbers = self._rows.now(optimizer, tally, rates)
        if numbers is None:
            if self._job is None:  # whose calls know their rows
                return False
            numbers = self._arranged(optimizer, tally, rates)
        if self._at_once:
            self._prepare(numbers)
            self._go(self._address)
        else:
            self._perform(tally, numbers, _KNOWN, self._counts(tally))
        return True

    def _arranged(self, optimizer: Stepped, tally: Tally, rates: Rates) -> Sequence[Row]:
        """The rows of the next update, after finding out which parameters share one."""
        self._rows.arrange(optimizer, tally)
        self._spread()
        if self._job is not None:
            self._job.count([cohort.address for cohort in self._rows.cohorts], ctypes.addressof(tally.highest))
        self._rows.settle(tally)  # last: an interrupt before would leave some of it undone
        rows = self._rows.now(optimizer, tally, rates)
        assert rows is not None
        return rows

    def _spread(self) -> None:
        """Find out which rows each plan needs, and which of them its parameters have."""
        self._table = None  # whose calls know their rows
        of_plans = zip(self.plans, self._rows.for_plans(self._positions), strict=True)
        self._row_of = [(plan, row_of, needed) for plan, (row_of, needed) in of_plans]

    def _prepare(self, numbers: Sequence[Row]) -> None:
        """Hand the numbers of a step to the plans."""
        settings = self._settings.numbers
        for plan, row_of, needed in self._row_of:
            plan.prepare(settings, [numbers[row] for row in needed] if needed else numbers, row_of)

    def _run_counting(
        self, optimizer: Stepped, tally: Tally, weights: list[Array], grads: list[Array], states: States
    ) -> bool:
        """For optimizers that count or look up rates in a way of their own."""
        taken = self._take(optimizer, weights, grads, states)
        if taken is None:
            return False
        with tally.taken_back_on_failure():
            numbers = self._rows.counted(optimizer, tally)
            self._spread()
            if self._job is not None:
                self._job.count((), ctypes.addressof(tally.highest))
            self._perform(tally, numbers, taken, [])
        return True

    def _expect(self, weights: list[Array], grads: list[Array], states: States) -> Any:
        """Tell the native side which arrays to look at; what must be kept until it has, None where states are missing.

        States are looked at only after a change of where they are kept.
        """
        memory, reader = self._memory, self._states
        memory[0], memory[1] = id(weights), id(grads)
        if reader.version is not None and reader.are_known(states):
            memory[2] = 0
            return _KNOWN
        others = reader.in_one_list(states)
        if others is not None:
            memory[2] = id(others)
        return others

    def _take(self, optimizer: Stepped, weights: list[Array], grads: list[Array], states: States) -> Any:
        """See that the arrays of a call lie as they did; what is needed of them, None where they do not."""
        job = self._job
        if job is None:
            return self._inspect(optimizer, weights, grads, states)
        others = self._expect(weights, grads, states)
        if others is None:
            return None
        found = job.look(job.address)
        if found != DONE and found != MOVED:
            return None
        if found == MOVED:
            self._check_apart(optimizer, weights, grads, states)
        if others is not _KNOWN:
            self._states.remember(states)
        return ()

    def _inspect(self, optimizer: Stepped, weights: list[Array], grads: list[Array], states: States) -> Any:
        """The same where there is no native side: what each plan is handed over."""
        if self._table is not None and self._states.are_known(states):
            arrays = [*weights, *grads]
            if self._inspector.lie_alike(arrays) and all(self._inspector.known(arrays)):
                return _KNOWN
        self._table = None
        further = self._states.by_parameter(states)
        if further is None:
            return None
        arrays = [*weights, *grads, *itertools.chain.from_iterable(further)]
        if not self._inspector.lie_alike(arrays):
            return None
        known = self._inspector.known(arrays)
        self._keeps = self._repeatable and all(known)
        if not all(known):
            # Gradients are only read, so that it does not matter where they are.
            if not all(known[: len(weights)]) or not all(known[2 * len(weights) :]):
                self._check_apart(optimizer, weights, grads, states)
            self._inspector.remember(arrays)
        self._states.remember(states)
        return self._handed_over(weights, grads, further)

    def _handed_over(
        self, weights: Sequence[Array], grads: Sequence[Array], further: Sequence[Sequence[Array]]
    ) -> list[list[Sequence[Array]]]:
        """The weights of each plan's parameters, their gradients, masters and slots."""
        if len(self.plans) == 1:
            return [[weights, grads, *zip(*further, strict=True)]]
        return [
            [_at(weights, places), _at(grads, places), *zip(*_at(further, places), strict=True)]
            for places in self._positions
        ]

    def _perform(self, tally: Tally, numbers: Sequence[Row], taken: Any, counts: list[Call]) -> None:
        """Do all that can fail, and then, in one go, all that writes."""
        self._prepare(numbers)
        if self._job is not None:
            self._job.measure()
            commit([self._job.call(), *self._host_calls(tally), *counts])
            return
        with self._backend.on(self._device):
            writes = self._calls(taken)
            commit(itertools.chain(writes, self._host_calls(tally), counts))

    def _calls(self, taken: Any) -> Iterable[Call]:
        """The calls that write. Those over the same objects as the call before are kept, without keeping these."""
        if taken is _KNOWN:
            assert self._table is not None
            return self._table
        if self._keeps:
            taken = [[list(map(unowned, column)) for column in columns] for columns in taken]
        calls = itertools.chain(*(plan.calls(own) for plan, own in zip(self.plans, taken, strict=True)))
        if self._keeps:
            self._table = list(calls)
            return self._table
        return calls

    def _counts(self, tally: Tally) -> list[Call]:
        """The calls that count, where the native side does not."""
        if self._job is not None:
            return []
        calls: list[Call] = []
        highest = tally.highest.value
        for cohort in self._rows.cohorts:
            count = cohort.cells[cohort.place] + 1
            calls.append((operator.setitem, cohort.cells, cohort.place, count))
            if count > highest:
                highest = count
        return [*calls, (setattr, tally.highest, "value", highest)]

    def _host_calls(self, tally: Tally) -> list[Call]:
        """The calls that keep the new numbers of the rule; not through the dict's own method, which notes a change."""
        if not self._host:
            return []
        new = {
            self.indices[place]: plan.host[row]
            for (plan, row_of, _), places in zip(self._row_of, self._positions, strict=True)
            for place, row in zip(places, row_of, strict=True)
        }
        return [(dict.update, tally.host_numbers, new)]

    # --- arrays that share memory ------------------------------------------------------------------------------------

    def _check_apart(
        self, optimizer: Stepped, weights: Sequence[Array], grads: Sequence[Array], states: States
    ) -> None:
        """Refuse arrays that are written and share memory; those of two devices never do."""
        if self._job is not None and self._job.are_apart():
            return
        further = self._states.by_parameter(states)
        assert further is not None
        written: dict[int, list[tuple[str, int, Array]]] = {}
        for plan, places, own in zip(
            self.plans, self._positions, self._handed_over(weights, grads, further), strict=True
        ):
            for place, arrays in zip(places, zip(*own, strict=True), strict=True):
                device = self._backend.device_of(arrays[0])
                written.setdefault(device, []).extend((name, place, array) for name, array in plan.written_of(arrays))
        for found in written.values():
            check_apart([array for _, _, array in found], functools.partial(self._label, optimizer, found))
        if self._job is not None:
            self._job.checked()

    def _label(self, optimizer: Stepped, written: Sequence[tuple[str, int, Array]], number: int) -> str:
        name, place, _ = written[number]
        return f"the {name} of {optimizer.describe(self.indices[place])}"


def _at(column: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return [column[place] for place in places]
