"""A step: one call of a rule over some parameters, with everything worked out that stays the same between calls.

It holds no arrays. It knows how they lie and what follows from that; each call hands them over, and is told if one lies
in another way.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import operator
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, Backend, shared_backend
from mxcore.checks import check_pair
from mxcore.kernel import Call, Member, Plan, Row, commit, job_of
from mxcore.kernel.driver import DONE, MOVED
from mxcore.kernel.layout import check_apart, unowned
from mxcore.step.codec import arrays_of, split_master
from mxcore.step.counts import Counts, Tally
from mxcore.step.plans import Plans
from mxcore.step.program import Settings
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.rows import Rows
from mxcore.step.traits import traits_of

__all__ = ["Step"]

States = Sequence[Any] | Mapping[Any, Any]
_missing = object()
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
        "_address", "_at_once", "_backend", "_device", "_drive", "_go", "_has_master", "_host", "_job", "_look",
        "_looks", "_memory", "_named", "_offsets", "_own_rates", "_positions", "_refs", "_repeats", "_row_of",
        "_rows", "_settings", "_single", "_states_seen", "_states_version", "_table", "_tables_seen", "indices",
        "masters", "other", "plans",
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
        self._has_master = [masters and optimizer.has_master(weight) for weight in weights]
        self._single = len(self.indices) == 1 and not self._has_master[0]
        self._host = [slot for slot in settings.program.slots if slot.on_host]
        self._own_rates = traits_of(type(optimizer)).own_rates
        self._tables_seen = optimizer._tables_version.number
        self._named = self._read_names(optimizer)
        self._rows = Rows(optimizer, self.indices, self._host)
        further = self._further(states)
        assert further is not None
        self._offsets = [0, *itertools.accumulate(map(len, further))]
        every = zip(weights, grads, further, strict=True)
        members = [self._member(optimizer, place, *one) for place, one in enumerate(every)]
        self._backend = shared_backend((member.label, member.weight) for member in members)
        self._positions = _grouped(self._backend, members)
        chosen = [[members[place] for place in places] for places in self._positions]
        self.plans: list[Plan] = [plans.plan(self._backend, settings.program, some[0].static, some) for some in chosen]
        self._job = job_of(self.plans, self._positions, self._offsets)
        if self._job is not None:
            self._memory, self._address = self._job.memory, self._job.address
            self._drive, self._go = self._job.drive, self._job.go
        self._at_once = self._job is not None and self._job.at_once and not self._host and not self._own_rates
        self._device = self._backend.device_of(weights[0])
        self._row_of: list[tuple[Plan, Sequence[int], list[int] | None]] = []
        self.other: Step | None = None
        """Another step over the same parameters, whose arrays lie in another way."""
        self._states_version: Any = None  # of where the states were found, and after how many changes
        self._states_seen = -1
        # Where there is no native side: the arrays of the last call, how they lay, and the calls over them, if they can
        # be made again. Weak references tell whether arrays are still there; NumPy moves none that has one.
        self._refs: list[Callable[[], Any]] = [_nothing] * (2 * len(weights) + self._offsets[-1])
        self._look = _look_at if self._backend.name == "numpy" else operator.attrgetter("shape")
        self._looks: list[Any] = []
        self._table: list[Call] | None = None
        self._repeats = False

    def _member(self, optimizer: Stepped, place: int, weight: Array, grad: Array, further: Sequence[Array]) -> Member:
        label = optimizer.describe(self.indices[place])
        check_pair(label, weight, grad)
        master, slots = (further[0], further[1:]) if self._has_master[place] else (None, further)
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

    def _further(self, states: States) -> list[Sequence[Array]] | None:
        """The master and the slots of each parameter; None where one has no state."""
        if isinstance(states, dict):
            if not all(map(states.__contains__, self.indices)):
                return None
            states = [states[index] for index in self.indices]
        pairs = (split_master(state, has) for state, has in zip(states, self._has_master, strict=True))
        return [arrays_of(inner) if master is None else (master, *arrays_of(inner)) for master, inner in pairs]

    def _flat(self, states: States) -> list[Array] | None:
        """The masters and slots of all parameters in one list, if they are as many as they were."""
        flat: list[Array] = []
        if self._single:  # of a short step, the general way would be a good part
            state = states.get(self.indices[0], _missing) if isinstance(states, dict) else states[0]
            if state is _missing:
                return None
            flat += state if type(state) is tuple else arrays_of(state)
            return flat if len(flat) == self._offsets[1] else None
        further = self._further(states)
        if further is None or list(itertools.accumulate(map(len, further))) != self._offsets[1:]:
            return None
        for own in further:
            flat += own
        return flat

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
                self._remember(states)
            return True
        taken = self._take(optimizer, weights, grads, states)
        if taken is None:
            return False
        self._perform(tally, numbers, taken, self._counts(tally))
        return True

    def run_in_place(self, optimizer: Stepped, settings: Settings, tally: Tally, rates: Rates) -> bool:
        """The same for the arrays of the call before, which must still be there; False where that cannot be."""
        job = self._job
        if job is None or self._own_rates or type(tally.table) is not Counts:
            return False
        seen = optimizer._tables_version.number == self._tables_seen and not optimizer.param_dict
        if not (seen and settings is self._settings) and not self._follow(optimizer, settings):
            return False
        numbers = self._rows.now(optimizer, tally, rates) or self._arranged(optimizer, tally, rates)
        if self._at_once:
            self._prepare(numbers)
            self._go(self._address)
        else:
            self._perform(tally, numbers, (), [])
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
        row_of = self._rows.row_of
        if len(self.plans) == 1:
            self._row_of = [(self.plans[0], row_of, None)]
            return
        spread: list[tuple[Plan, Sequence[int], list[int] | None]] = []
        for plan, places in zip(self.plans, self._positions, strict=True):
            own = [row_of[place] for place in places]
            needed = list(dict.fromkeys(own))
            at = {row: number for number, row in enumerate(needed)}
            spread.append((plan, [at[row] for row in own], needed))
        self._row_of = spread

    def _prepare(self, numbers: Sequence[Row]) -> None:
        """Hand the numbers of a step to the plans."""
        settings = self._settings.numbers
        for plan, row_of, needed in self._row_of:
            plan.prepare(settings, [numbers[row] for row in needed] if needed else numbers, row_of)

    def _run_counting(
        self, optimizer: Stepped, tally: Tally, weights: list[Array], grads: list[Array], states: States
    ) -> bool:
        """For optimizers that count or look up rates in a way of their own."""
        self._table = None  # whose calls know their rows, which are found anew each time
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

        States are looked at only after a change of where they are kept, see :meth:`_remember`.
        """
        memory, version = self._memory, None if type(states) is list else getattr(states, "version", None)
        memory[0], memory[1] = id(weights), id(grads)
        if version is not None and version is self._states_version and version.number == self._states_seen:
            memory[2] = 0
            return _KNOWN
        self._states_version = None
        others = self._flat(states)
        if others is not None:
            memory[2] = id(others)
        return others

    def _remember(self, states: States) -> None:
        """Take note that the native side knows these states."""
        version = getattr(states, "version", None)
        self._states_seen = -1 if version is None else version.number
        self._states_version = version

    def _take(self, optimizer: Stepped, weights: list[Array], grads: list[Array], states: States) -> Any:
        """See that the arrays of a call lie as they did; what is needed of them, None where they do not."""
        job = self._job
        if job is None:
            return self._take_without_job(optimizer, weights, grads, states)
        others = self._expect(weights, grads, states)
        if others is None:
            return None
        found = job.look(job.address)
        if found != DONE and found != MOVED:
            return None
        if found == MOVED:
            self._check_apart(optimizer, weights, grads, states)
        if others is not _KNOWN:
            self._remember(states)
        return ()

    def _take_without_job(self, optimizer: Stepped, weights: list[Array], grads: list[Array], states: States) -> Any:
        others = self._flat(states)
        if others is None:
            return None
        arrays = [*weights, *grads, *others]
        known = list(map(_is_still, self._refs, arrays))
        same = all(known) and list(map(self._look, arrays)) == self._looks
        if same and self._table is not None:
            return _KNOWN
        further = self._further(states)
        assert further is not None
        handed_over = self._handed_over(weights, grads, further)
        among = [known[begin:end] for begin, end in itertools.pairwise(self._offsets_in(arrays))]
        of_plans = self._handed_over(known[: len(weights)], known[len(weights) : 2 * len(weights)], among)
        if not all(map(_plan_fits, self.plans, handed_over, of_plans)):
            return None
        # Gradients are read only, so that it does not matter where new ones are.
        if not all(known[: len(weights)]) or not all(known[2 * len(weights) :]):
            self._check_apart(optimizer, weights, grads, states)
        self._table = None
        self._refs, self._looks = list(map(weakref.ref, arrays)), list(map(self._look, arrays))
        self._repeats = same and all(plan.repeatable for plan in self.plans)
        return handed_over

    def _offsets_in(self, arrays: Sequence[Array]) -> list[int]:
        """Where the further arrays of each parameter begin in the list of all arrays."""
        before = len(arrays) - self._offsets[-1]
        return [before + offset for offset in self._offsets]

    def _handed_over(
        self, weights: Sequence[Array], grads: Sequence[Array], further: Sequence[Sequence[Array]]
    ) -> list[list[tuple[Array, ...]]]:
        """The arrays of each plan's parameters."""
        return [[(weights[place], grads[place], *further[place]) for place in places] for places in self._positions]

    def _perform(self, tally: Tally, numbers: Sequence[Row], taken: Any, counts: list[Call]) -> None:
        """Do all that can fail, and then, in one go, all that writes."""
        self._prepare(numbers)
        with self._backend.on(self._device), np.errstate(all="ignore"):
            if taken is _KNOWN:
                writes = self._table or []
            elif self._repeats:
                views = [[tuple(map(unowned, own)) for own in plan] for plan in taken]
                writes = self._table = self._calls(views)
            elif self._job is None:
                writes = self._calls(taken)
            else:
                self._job.measure()
                writes = [self._job.call()]
            commit([*writes, *self._host_calls(tally), *counts])

    def _calls(self, handed_over: Sequence[Sequence[Sequence[Array]]]) -> list[Call]:
        return [call for plan, own in zip(self.plans, handed_over, strict=True) for call in plan.calls(own)]

    def _counts(self, tally: Tally) -> list[Call]:
        """The calls that count, where the native side does not."""
        if self._job is not None:
            return []
        cohorts = self._rows.cohorts
        highest = max(tally.highest.value, *(cohort.count + 1 for cohort in cohorts))
        raised: list[Call] = [(operator.setitem, cohort.cells, cohort.place, cohort.count + 1) for cohort in cohorts]
        return [*raised, (setattr, tally.highest, "value", highest)]

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
        further = self._further(states)
        assert further is not None
        written: dict[int, list[tuple[str, int, Array]]] = {}
        for plan, places, own in zip(
            self.plans, self._positions, self._handed_over(weights, grads, further), strict=True
        ):
            for place, arrays in zip(places, own, strict=True):
                device = self._backend.device_of(arrays[0])
                written.setdefault(device, []).extend((name, place, array) for name, array in plan.written_of(arrays))
        for found in written.values():
            check_apart([array for _, _, array in found], functools.partial(self._label, optimizer, found))
        if self._job is not None:
            self._job.checked()

    def _label(self, optimizer: Stepped, written: Sequence[tuple[str, int, Array]], number: int) -> str:
        name, place, _ = written[number]
        return f"the {name} of {optimizer.describe(self.indices[place])}"


_look_at = operator.attrgetter("shape", "flags.writeable")


def _nothing() -> None:
    """A reference to no array."""


def _plan_fits(plan: Plan, handed_over: Sequence[Sequence[Array]], known: Sequence[Sequence[bool]]) -> bool:
    return plan.fits(handed_over, known)


def _is_still(ref: Callable[[], Any], array: Array) -> bool:
    return ref() is array


def _grouped(backend: Backend, members: Sequence[Member]) -> list[list[int]]:
    """The places of those members that can run in one pass."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, member in enumerate(members):
        static = tuple(sorted(member.static.items()))
        kind = (backend.device_of(member.weight), member.weight.dtype, member.computed.dtype, static)
        groups.setdefault(kind, []).append(place)
    return list(groups.values())
