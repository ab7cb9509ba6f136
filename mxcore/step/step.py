"""A step: a call of a rule over some parameters, with everything precomputed that stays the same between calls.

It holds no arrays, only their layouts and what follows from these. Each call passes the arrays in, and finds out if one
has another layout.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mxcore.backend import Array, shared_backend
from mxcore.kernel import Call, Member, Plan, Row, commit
from mxcore.kernel.rule.program import HIGHEST, NDIM
from mxcore.kernel.run.calls import Steps
from mxcore.kernel.run.choose import Plans, grouped, job_of
from mxcore.kernel.run.fold import calls_of
from mxcore.kernel.run.inspector import Inspector
from mxcore.kernel.run.layout import sharing
from mxcore.native.words import DONE, MOVED
from mxcore.step.arguments import check_pair
from mxcore.step.counts import Counts, Tally
from mxcore.step.program import Settings, depth_of, traits_of
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.ready import Ready
from mxcore.step.rows import Rows
from mxcore.step.states import Arrays, StateReader, States
from mxcore.step.whole import agreed, check_complete

_KNOWN = object()
"""Instead of arrays for the plans: the previous calls can be reused, or the native side has the addresses."""


class Step:
    """A call of a rule over some parameters.

    Args:
        optimizer: the optimizer, whose class has a rule.
        settings: its settings.
        indices: the parameters.
        weights: their weights.
        grads: their gradients.
        states: their states, in a list or by index.
        masters: whether the states of half-precision weights start with a master.
        plans: the cache of plans.
        rates: the source of learning rates.

    Raises:
        TypeError, ValueError: an array does not fit, or cannot be updated in place.
    """

    # To touch little memory when thousands of parameters are updated one by one.
    __slots__ = (
        "_again", "_at_once", "_backend", "_device", "_fold", "_host", "_inspector", "_job", "_keeps", "_model",
        "_named", "_over_all", "_own", "_own_rates", "_positions", "_row_of", "_rows", "_settings", "_states",
        "_tables_seen", "in_place", "indices", "other", "plans",
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
        rates: Rates,
    ) -> None:
        self.indices, self._settings = list(indices), settings
        has_master = [masters and optimizer.has_master(weight) for weight in weights]
        self._states = StateReader(self.indices, has_master, states, depth_of(optimizer))
        self._host = [slot for slot in settings.program.slots if slot.on_host]
        self._model = [slot.name for slot in self._host if slot.of_model]
        self._own = [slot.name for slot in self._host if not slot.of_model]
        self._own_rates = traits_of(optimizer).own_rates
        self._tables_seen = optimizer._tables_version.number
        self._named = self._read_names(optimizer)
        groups = [group for *_, group in self._named]
        self._rows = Rows(optimizer, self.indices, self._host, rates, groups, settings.sources)
        further = self._states.read(states)
        every = zip(weights, grads, further, strict=True)
        members = [self._member(optimizer, place, *one) for place, one in enumerate(every)]
        self._backend = shared_backend((member.label, member.weight) for member in members)
        self._positions = grouped(self._backend, members)
        chosen = [[members[place] for place in places] for places in self._positions]
        self.plans: list[Plan] = [plans.plan(self._backend, settings.program, some[0].static, some) for some in chosen]
        self._over_all = any(plan.over_all for plan in self.plans)
        folds = self._over_all or any(plan.measured for plan in self.plans)
        self._fold = self.plans[0].fold(self.plans, self._positions) if folds else None
        self._job = job_of(self.plans, self._positions, [0, *itertools.accumulate(self._states.lengths)])
        if self._job is None:
            arrays = [*weights, *grads, *itertools.chain.from_iterable(further)]
            self._inspector = Inspector(self._backend, arrays)
            self._again: list[Callable[[], Steps | Iterable[Call]]] | None = None
            self._keeps = False
        self._at_once = self._job is not None and self._job.at_once and not self._host and not self._own_rates
        self._device = self._backend.device_of(weights[0])
        self._row_of: list[tuple[Plan, Sequence[int], list[int] | None]] = []
        self.in_place = False
        """Whether every call uses the arrays of the first one, which need not be checked again."""
        self.other: Step | None = None
        """Another step over the same parameters with other array layouts."""

    def _member(self, optimizer: Stepped, place: int, weight: Array, grad: Array, further: Sequence[Array]) -> Member:
        label = optimizer.describe(self.indices[place])
        check_pair(label, weight, grad)
        master, slots = (further[0], further[1:]) if self._states.has_master[place] else (None, further)
        flags, noise_key, group = self._named[place]
        arrays = self._settings.program.slot_arrays(label, weight if master is None else master, slots)
        static = {**self._settings.static[group], **flags}
        if NDIM in self._settings.program.all_numbers:
            static[NDIM] = weight.ndim
        return Member(label, weight, grad, master, arrays, static, noise_key)

    def _read_names(self, optimizer: Stepped) -> list[tuple[dict[str, Any], Any, int]]:
        """Return what depends on the names of the parameters: the rule's flags, the noise keys, and the groups."""
        names, groups = [optimizer.idx2name.get(index, index) for index in self.indices], optimizer.groups
        return [(dict(optimizer.flags(str(name))), name, groups.number_of(str(name))) for name in names]

    # --- is it still the same? ---------------------------------------------------------------------------------------

    def _follow(self, optimizer: Stepped, settings: Settings) -> bool:
        """Adopt what has been assigned; return False if that needs another step."""
        if settings is not self._settings:
            if not settings.same_program(self._settings):
                return False
            self._settings, self._rows.sources = settings, settings.sources
        seen = optimizer._tables_version.number
        if seen != self._tables_seen or optimizer.param_dict:
            if self._read_names(optimizer) != self._named:
                return False
            self._rows.read_multipliers(optimizer)
            self._tables_seen = seen
        return True

    # --- running -----------------------------------------------------------------------------------------------------

    def run(
        self, optimizer: Stepped, settings: Settings, tally: Tally, weights: Arrays, grads: Arrays, states: States
    ) -> bool:
        """Update every parameter, and count; a failure leaves everything unchanged.

        Args:
            optimizer: the optimizer.
            settings: its current settings.
            tally: where updates are counted.
            weights: the weights.
            grads: the gradients.
            states: the states, in a list or by index.

        Returns:
            False if settings or arrays need another step; nothing has been done then.
        """
        if self._over_all:
            # Without an updater, only the counts tell which parameters share the numbers of a model.
            check_complete(optimizer, self.indices, tally.table if self._model and type(states) is list else states)
        seen = optimizer._tables_version.number == self._tables_seen and not optimizer.param_dict
        if not (seen and settings is self._settings) and not self._follow(optimizer, settings):
            return False
        numbers = None if self._own_rates else self._rows.now(optimizer, tally)
        if numbers is None:
            if self._own_rates or not isinstance(tally.table, Counts):
                return self._run_counting(optimizer, tally, weights, grads, states)
            numbers = self._arranged(optimizer, tally, tally.table)
        job = self._job
        known = self.in_place and (job is not None or self._again is not None) and self._states.are_known(states)
        if job is not None and self._at_once:
            self._prepare(numbers)
            # Another foreign call would slow down short steps.
            found = MOVED if known else self._look(job.drive, optimizer, weights, grads, states)
            if found == MOVED:  # nothing has run yet
                job.go(job.address)
            return found is not None
        taken = _KNOWN if known else self._take(optimizer, weights, grads, states)
        if taken is None:
            return False
        self._perform(tally, numbers, taken)
        return True

    def ready(
        self, optimizer: Stepped, settings: Settings, tally: Tally, weights: Arrays, grads: Arrays, states: States
    ) -> Ready | None:
        """Do everything of an update that can fail, and return what is left; None if that needs another step.

        An optimizer that overrides how to count or how to look up rates counts here already.
        """
        if not self._follow(optimizer, settings):
            return None
        counts = None if self._own_rates or not isinstance(tally.table, Counts) else tally.table
        if counts is not None:
            numbers = self._rows.now(optimizer, tally) or self._arranged(optimizer, tally, counts)
        if (taken := self._take(optimizer, weights, grads, states)) is None:
            return None
        if counts is None:
            numbers = self._rows.counted(optimizer, tally)
            self._spread(tally)
        writes = self._writes(tally, numbers, taken)
        return Ready(self._backend, self._device, writes, self._job, numbers[0][HIGHEST], self._over_all)

    def _arranged(self, optimizer: Stepped, tally: Tally, counts: Counts) -> Sequence[Row]:
        """Return the rows of the next update, after determining which parameters share one."""
        self._rows.arrange(optimizer, tally, counts)
        self._spread(tally)
        self._rows.arranged_for = counts  # last: after an interrupt, the rows are arranged again
        rows = self._rows.now(optimizer, tally)
        assert rows is not None
        return rows

    def _spread(self, tally: Tally) -> None:
        """Tell each plan which rows it needs and which row each parameter has, and tell the job what to count."""
        self._again = None  # its calls depend on the rows
        rows, self._row_of = self._rows.row_of, []
        if len(self.plans) == 1:
            self._row_of.append((self.plans[0], rows, None))
        else:
            for plan, places in zip(self.plans, self._positions, strict=True):
                own = [rows[place] for place in places]
                number = {row: place for place, row in enumerate(dict.fromkeys(own))}
                self._row_of.append((plan, [number[row] for row in own], list(number)))
        if self._job is not None:
            cells = [ctypes.addressof(cohort.cell) for cohort in self._rows.cohorts]
            self._job.count(cells, ctypes.addressof(tally.highest))

    def _prepare(self, numbers: Sequence[Row]) -> None:
        """Pass the numbers of a step to the plans."""
        settings = self._settings.numbers
        for plan, row_of, needed in self._row_of:
            plan.prepare(settings, [numbers[row] for row in needed] if needed else numbers, row_of)

    def _run_counting(self, optimizer: Stepped, tally: Tally, weights: Arrays, grads: Arrays, states: States) -> bool:
        """Prepare a step of an optimizer that overrides how to count or how to look up rates."""
        taken = self._take(optimizer, weights, grads, states)
        if taken is None:
            return False
        with tally.taken_back_on_failure():
            numbers = self._rows.counted(optimizer, tally)
            self._spread(tally)
            self._perform(tally, numbers, taken)
        return True

    def _look(self, look: Any, optimizer: Stepped, weights: Arrays, grads: Arrays, states: States) -> int | None:
        """Let a driver function check the arrays of a call; None if their layouts have changed.

        States are checked only after their container has changed.
        """
        job, reader, others = self._job, self._states, None
        assert job is not None
        job.memory[0], job.memory[1], job.memory[2] = id(weights), id(grads), 0
        if reader.version is None or not reader.are_known(states):
            others = reader.in_one_list(states)
            if others is None:
                return None
            job.memory[2] = id(others)
        found: int = look(job.address)
        if found != DONE and found != MOVED:
            return None
        if found == MOVED:
            self._check_apart(optimizer, weights, grads, states)
        if others is not None:
            reader.remember(states)
        return found

    def _take(self, optimizer: Stepped, weights: Arrays, grads: Arrays, states: States) -> Any:
        """Check the layouts of a call's arrays, and return what is needed of them, or None if a layout has changed."""
        if self._job is None:
            return self._inspect(optimizer, weights, grads, states)
        return self._look(self._job.look, optimizer, weights, grads, states)

    def _inspect(self, optimizer: Stepped, weights: Arrays, grads: Arrays, states: States) -> Any:
        """Do the same without a native side: return each plan's weights, gradients, masters and slots."""
        if self._again is not None and self._states.are_known(states):
            known = self._inspector.look([*weights, *grads])
            if known and all(known):
                return _KNOWN
        self._again = None
        further = self._states.by_parameter(states)
        if further is None:
            return None
        arrays = [*weights, *grads, *itertools.chain.from_iterable(further)]
        known = self._inspector.look(arrays)
        if known is None:
            return None
        self._keeps = not self._own_rates and all(known)
        if not all(known):
            # Gradients are only read, so it does not matter whether they overlap.
            if not all(known[: len(weights)]) or not all(known[2 * len(weights) :]):
                self._check_apart(optimizer, weights, grads, states)
            self._inspector.remember(arrays)
        self._states.remember(states)
        if len(self.plans) == 1:
            return [[weights, grads, *zip(*further, strict=True)]]
        rows = [(weight, grad, *more) for weight, grad, more in zip(weights, grads, further, strict=True)]
        return [list(zip(*(rows[place] for place in places), strict=True)) for places in self._positions]

    def _perform(self, tally: Tally, numbers: Sequence[Row], taken: Any) -> None:
        """Do everything that can fail, and then all writes in one go."""
        writes = self._writes(tally, numbers, taken)
        if self._job is not None:
            commit([self._job.call(), *writes])
            return
        with self._backend.on(self._device):
            commit(writes)

    def _writes(self, tally: Tally, numbers: Sequence[Row], taken: Any) -> Iterable[Call]:
        """Do everything that can fail; return the calls that write, without that of the job."""
        self._prepare(numbers)
        if self._job is not None:
            self._job.measure(self._fold)
            return self._host_calls(tally)
        with self._backend.on(self._device):
            return itertools.chain(self._calls(taken), self._host_calls(tally), self._counts(tally, numbers))

    def _calls(self, taken: Any) -> Iterable[Call]:
        """Return the calls that write, and note how to list them again for the same arrays without keeping these."""
        if taken is not _KNOWN:
            pairs = list(zip(self.plans, taken, strict=True))
            kept = [again for plan, own in pairs if self._keeps and (again := plan.repeat(own)) is not None]
            if len(kept) < len(pairs):
                return calls_of([plan.steps(own) for plan, own in pairs], self._fold)
            self._again = kept
        assert self._again is not None
        return calls_of([again() for again in self._again], self._fold)

    def _counts(self, tally: Tally, numbers: Sequence[Row]) -> list[Call]:
        """Return the calls that count, if neither the native side nor the optimizer does."""
        calls = [(setattr, cohort.cell, "value", cohort.cell.value + 1) for cohort in self._rows.cohorts]
        return [*calls, (setattr, tally.highest, "value", numbers[0][HIGHEST])] if calls else []

    def _host_calls(self, tally: Tally) -> list[Call]:
        """Return the calls that store the rule's new host numbers, without recording a change of the dict."""
        if not self._host:
            return []
        owner = self._settings.program.owner
        if not self._own:  # numbers that all parameters share, so that those of one are enough
            shared = [
                {**(plan.host[row_of[0]] if plan.host else {}), **late}
                for plan, row_of, _ in self._row_of
                for late in (plan.late[:1] if plan.late_is_shared else plan.late)
            ]
            return [(dict.update, tally.model_numbers, agreed(owner, self._model, shared))]
        calls: list[Call] = []
        new: dict[Any, dict[str, float]] = {}
        for (plan, row_of, _), places in zip(self._row_of, self._positions, strict=True):
            for place, row, late in zip(places, row_of, plan.late, strict=True):
                new[self.indices[place]] = {**plan.host[row], **late} if plan.host else late
        if self._model:
            numbers = agreed(owner, self._model, new.values())
            calls.append((dict.update, tally.model_numbers, numbers))
            new = {index: {name: numbers[name] for name in self._own} for index, numbers in new.items()}
        if len({*self._rows.row_of}) < len(self.indices) and any(
            name in plan.late[0] for plan in self.plans for name in self._own
        ):
            # What follows from reductions may differ between parameters that have shared a row.
            calls.append((setattr, self._rows, "arranged_for", None))
        return [*calls, (dict.update, tally.host_numbers, new)]

    # --- arrays that share memory ------------------------------------------------------------------------------------

    def _check_apart(self, optimizer: Stepped, weights: Arrays, grads: Arrays, states: States) -> None:
        """Refuse written arrays that share memory; arrays on different devices never do."""
        if self._job is not None and self._job.are_apart():
            return
        further = self._states.by_parameter(states)
        assert further is not None
        written: dict[int, list[tuple[str, int, Array]]] = {}
        for plan, places in zip(self.plans, self._positions, strict=True):
            for place in places:
                found = plan.written_of((weights[place], grads[place], *further[place]))
                of_device = written.setdefault(self._backend.device_of(weights[place]), [])
                of_device.extend((name, place, array) for name, array in found)
        for arrays in written.values():
            if pair := sharing([array for _, _, array in arrays]):
                names = [f"the {arrays[at][0]} of {optimizer.describe(self.indices[arrays[at][1]])}" for at in pair]
                raise ValueError(f"{names[0]} and {names[1]} share memory: each needs its own")
        if self._job is not None:
            self._job.checked()
