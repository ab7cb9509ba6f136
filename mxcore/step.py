"""A step: one call of an optimizer whose arrays stay where they are, with everything worked out that stays the same.

Between two steps only a few numbers change: the rate, the counts, whatever hyper-parameter somebody has assigned.
They are computed once for each *distinct* set of multipliers and counts, in Python floats, and the rule then runs over
all parameters in one pass.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mxcore.backend import Array, Backend, shared_backend
from mxcore.checks import check_pair
from mxcore.counts import Counts
from mxcore.kernel import Member, Program, Row
from mxcore.lr_scheduler import LRScheduler
from mxcore.rule import program_of, slot_arrays
from mxcore.watched import Watched

if TYPE_CHECKING:
    from mxcore.optimizer import Index, Optimizer

__all__ = ["Step"]

_STATIC = (bool, str, type(None))
_COUNTED = ("lr", "wd", "t", "num_update")
_RATES_AHEAD = 256


class Step:
    """One call of a rule over some parameters.

    Args:
        optimizer: the optimizer, whose class has a rule.
        indices: the parameters.
        weights: their weights.
        grads: their gradients.
        states: their states, as ``create_state_multi_precision`` made them where ``masters`` is set, else as
            ``create_state`` did.
        masters: whether half-precision weights have a master among their state.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        indices: Sequence[Index],
        weights: Sequence[Array],
        grads: Sequence[Array],
        states: Sequence[Any],
        masters: bool = True,
    ) -> None:
        self.optimizer, self.masters = optimizer, masters
        self.indices, self.weights, self.grads, self.states = list(indices), list(weights), list(grads), list(states)
        self.rates = _Rates()
        self._found_in: Watched[Index, Any] | None = None  # where its states were found, after so many changes
        self._found_at = 0
        self._plan()
        self._note_changes()

    def _plan(self) -> None:
        """Work out what stays the same from step to step, until something is assigned that cannot be taken over."""
        optimizer = self.optimizer
        settings = _Settings(optimizer, program_of(optimizer))
        arrays = zip(self.indices, self.weights, self.grads, self.states, strict=True)
        members = [self._member(settings, *one) for one in arrays]
        backend = shared_backend((member.label, member.weight) for member in members)
        kinds = _grouped(backend, members)
        self.groups = [_Group(backend, settings.program, positions, members) for positions in kinds]
        self.settings = settings
        self.host = [slot for slot in settings.program.slots if slot.on_host]
        self.one_by_one = _overrides(optimizer) or bool(self.host)
        self.table: _Table | None = None

    def _member(self, settings: _Settings, index: Index, weight: Array, grad: Array, state: Any) -> Member:
        optimizer = self.optimizer
        check_pair(optimizer.describe(index), weight, grad)
        master, inner = state if self.masters and optimizer.has_master(weight) else (None, state)
        name = optimizer.idx2name.get(index)
        return Member(
            label=optimizer.describe(index),
            weight=weight,
            grad=grad,
            master=master,
            arrays=slot_arrays(optimizer, settings.program, index, weight if master is None else master, inner),
            static={**settings.static, **optimizer.flags(str(index) if name is None else name)},
            noise_key=index if name is None else name,
        )

    # --- is it still the same call? ----------------------------------------------------------------------------------

    def fits(
        self, indices: Sequence[Index], weights: Sequence[Array], states: Sequence[Any] | Mapping[Index, Any]
    ) -> bool:
        """Whether a call is about the same objects, so that nothing about them needs another look."""
        return self.indices == indices and all(map(operator.is_, weights, self.weights)) and self._has_states(states)

    def _has_states(self, states: Sequence[Any] | Mapping[Index, Any]) -> bool:
        if isinstance(states, Watched):
            if states is self._found_in and states.changes == self._found_at:
                return True
            self._found_in, self._found_at = states, states.changes
        if isinstance(states, dict):
            states = list(map(states.get, self.indices))
        if all(map(operator.is_, states, self.states)):
            return True
        self._found_in = None
        return False

    def set_grads(self, grads: Sequence[Array]) -> None:
        """Let the parameters have other arrays as their gradients, where they are others.

        Raises:
            TypeError, ValueError: one does not fit its weight.
        """
        if all(map(operator.is_, grads, self.grads)):
            return
        former, self.grads = self.grads, list(grads)
        try:
            for group in self.groups:
                # Plain arrays are taken at once; the others, and all that stand after one, are looked at here.
                for place in group.plan.set_grads(group.chosen(self.grads)):
                    self._set_grad(group, place, former)
        except BaseException:
            self.optimizer.forget_steps()
            raise

    def _set_grad(self, group: _Group, place: int, former: Sequence[Array]) -> None:
        at = group.positions[place]
        if self.grads[at] is not former[at]:
            label, weight, grad = self.optimizer.describe(self.indices[at]), self.weights[at], self.grads[at]
            shared_backend([(f"the weight of {label}", weight), (f"the gradient of {label}", grad)])
            check_pair(label, weight, grad)
            group.plan.set_grad(place, self.grads[at])

    def _catch_up(self) -> None:
        """Take over what has been assigned, or work out anew what follows from it."""
        if not self.settings.current(self.optimizer):
            self._plan()
        elif self.table is not None and not self.table.current(self.optimizer):
            self.table = None
        self._note_changes()

    def _note_changes(self) -> None:
        """Remember how many changes there have been: as long as there are no others, everything is as it was."""
        optimizer = self.optimizer
        self.lr_mult, self.wd_mult, self.names = lr, wd, names = _tables(optimizer)
        changes = optimizer._assignments + lr.changes + wd.changes + names.changes
        self.seen = changes if self.settings.counted else None

    # --- running -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Update every parameter, and count; a failure leaves everything as it was."""
        optimizer = self.optimizer
        changes = optimizer._assignments + self.lr_mult.changes + self.wd_mult.changes + self.names.changes
        if changes != self.seen or optimizer.param_dict:
            self._catch_up()
        table, counts = self.table, optimizer._index_update_count
        if self.one_by_one or not isinstance(counts, Counts):
            self._run_one_by_one()
            return
        if table is None or counts.followed is not table.indices:
            table = self.table = _Table(optimizer, self.indices, self.groups)
        ahead = table.done + 1
        highest, update = table.highest + ahead, optimizer.num_update
        if highest > update:
            update = highest
        scheduler, wd, rows = optimizer.lr_scheduler, optimizer.wd, []
        rate: Any = optimizer.lr if scheduler is None else self.rates.at(scheduler, update)
        for lr_mult, wd_mult, count in table.distinct:
            rows.append((rate * lr_mult, wd * wd_mult, count + ahead, update))
        for plan, row_of in table.plans:
            plan.prepare(self.settings.numbers, rows, row_of)
        for plan, _ in table.plans:
            plan.commit()
        optimizer.__dict__["num_update"] = update  # past the checks of hyper-parameters
        counts.advance()
        table.done = ahead

    def _run_one_by_one(self) -> None:
        """For optimizers that count or look up rates in a way of their own, or keep numbers for each parameter."""
        optimizer = self.optimizer
        counts, before, update = (
            optimizer._index_update_count,
            dict(optimizer._index_update_count),
            optimizer.num_update,
        )
        try:
            for index in self.indices:
                optimizer._update_count(index)
            distinct: dict[tuple[Any, ...], int] = {}
            row_of = [distinct.setdefault(self._row(index), len(distinct)) for index in self.indices]
            for group in self.groups:
                group.plan.prepare(self.settings.numbers, list(distinct), group.chosen(row_of))
        except BaseException:
            counts.clear()
            counts.update(before)
            optimizer.num_update = update
            raise
        for group in self.groups:
            host = group.plan.commit()
            optimizer.host_numbers.update({self.indices[at]: host[row_of[at]] for at in group.positions if self.host})

    def _row(self, index: Index) -> Row:
        optimizer = self.optimizer
        kept = optimizer.host_numbers.get(index, {})
        return (
            float(optimizer._get_lr(index)),
            float(optimizer._get_wd(index)),
            optimizer._index_update_count.get(index, optimizer.num_update),
            optimizer.num_update,
            *(kept.get(slot.name, slot.init) for slot in self.host),
        )


class _Group:
    """Those parameters of a step that run in one pass: on one device, of one dtype, with the same static numbers."""

    def __init__(self, backend: Backend, program: Program, positions: Sequence[int], members: Sequence[Member]) -> None:
        self.positions = positions
        self.whole = len(positions) == len(members)
        own = [members[position] for position in positions]
        self.plan = backend.plan(program, own[0].static, own)

    def chosen(self, values: Sequence[Any]) -> Sequence[Any]:
        """What of a step's values is this group's."""
        return values if self.whole else [values[position] for position in self.positions]


def _grouped(backend: Backend, members: Sequence[Member]) -> list[list[int]]:
    groups: dict[tuple[Any, ...], list[int]] = {}
    for position, member in enumerate(members):
        static = tuple(sorted(member.static.items()))
        kind = (backend.device_of(member.weight), member.weight.dtype, member.computed.dtype, static)
        groups.setdefault(kind, []).append(position)
    return list(groups.values())


class _Settings:
    """The hyper-parameters of a rule, and the names that flags follow from; and whether they have changed since."""

    def __init__(self, optimizer: Optimizer, program: Program) -> None:
        cls: Any = type(optimizer)
        fields = {field.name for field in attrs.fields(cls)} if attrs.has(cls) else set()
        heavy = {"idx2name", "sym_info", "param_dict", "lr_mult", "wd_mult", "lr_scheduler", "lr", "begin_num_update"}
        own = {name for name in program.all_numbers if name in vars(optimizer)}
        self.program, self.names = program, optimizer.idx2name
        self.named = self.names.changes
        self.get = operator.attrgetter(*sorted((fields - heavy) | own))
        self.values = self.get(optimizer)
        self.counted = fields >= own  # assignments to attributes that are not declared are not
        self.static = {name: value for name, value in self._of_rule(optimizer).items() if isinstance(value, _STATIC)}
        self.numbers = {name: value for name, value in self._of_rule(optimizer).items() if name not in self.static}

    def _of_rule(self, optimizer: Optimizer) -> dict[str, Any]:
        names = [name for name in self.program.all_numbers if name not in _COUNTED and hasattr(optimizer, name)]
        return {name: getattr(optimizer, name) for name in names}

    def current(self, optimizer: Optimizer) -> bool:
        """Whether a step made before still does what the optimizer now says; new numbers are taken over."""
        if optimizer.idx2name is not self.names or self.names.changes != self.named:
            return False
        if self.get(optimizer) != self.values:
            now = _Settings(optimizer, program_of(optimizer))
            if now.program != self.program or now.static != self.static:
                return False
            self.values, self.numbers = now.values, now.numbers
        return True


class _Table:
    """The multipliers and counts of a step's parameters, with each distinct combination once."""

    def __init__(self, optimizer: Optimizer, indices: Sequence[Index], groups: Sequence[_Group]) -> None:
        self.tables = lr, wd, _ = _tables(optimizer)
        self.changes = [table.changes for table in self.tables]
        self.given = _given(optimizer)
        counts, start = dict(optimizer._index_update_count), optimizer.begin_num_update
        distinct: dict[tuple[float, float, int], int] = {}
        row_of = []
        for index in indices:
            multipliers = optimizer.multiplier(index, lr, "lr_mult"), optimizer.multiplier(index, wd, "wd_mult")
            row_of.append(distinct.setdefault((*multipliers, counts.get(index, start)), len(distinct)))
        self.distinct = list(distinct)
        self.plans = [(group.plan, group.chosen(row_of)) for group in groups]
        self.highest = max((count for _, _, count in distinct), default=0)
        self.done = 0
        self.indices = list(indices)  # a list of its own: other counts, of another device, do not follow it
        optimizer._index_update_count.follow(self.indices, start)

    def current(self, optimizer: Optimizer) -> bool:
        """Whether everything that multipliers follow from is as it was, in place too."""
        return (
            all(map(operator.is_, self.tables, _tables(optimizer)))
            and self.changes == [table.changes for table in self.tables]
            and self.given == _given(optimizer)
        )


def _tables(optimizer: Optimizer) -> tuple[Watched[Index, float], Watched[Index, float], Watched[Index, str]]:
    return optimizer.lr_mult, optimizer.wd_mult, optimizer.idx2name


def _given(optimizer: Optimizer) -> dict[Any, tuple[float, float]]:
    return {index: (one.lr_mult, one.wd_mult) for index, one in optimizer.param_dict.items()}


class _Rates:
    """The rates of a schedule, a few hundred updates ahead: an array costs little more than a number."""

    def __init__(self) -> None:
        self.first, self.rates = 0, list[float]()
        self.scheduler: Any = None
        self.attributes: Mapping[str, Any] = {}

    def at(self, scheduler: Any, update: int) -> float:
        """The learning rate of an update, before multipliers."""
        # A schedule that defines `rate` is a pure function of the update and of its own attributes.
        if not isinstance(scheduler, LRScheduler) or type(scheduler).__call__ is not LRScheduler.__call__:
            return float(scheduler(update))
        place = update - self.first
        if scheduler is not self.scheduler or not 0 <= place < len(self.rates) or vars(scheduler) != self.attributes:
            self.first, place = update, 0
            self.scheduler, self.attributes = scheduler, dict(vars(scheduler))
            self.rates = scheduler(np.arange(update, update + _RATES_AHEAD)).tolist()
        return self.rates[place]


def _overrides(optimizer: Optimizer) -> bool:
    """Whether a subclass counts, or looks up rates or decay, in a way of its own."""
    from mxcore.optimizer import Optimizer

    cls = type(optimizer)
    methods = ("_update_count", "_get_lr", "_get_lrs", "_get_wd", "_get_wds", "multiplier", "learning_rate")
    return any(getattr(cls, name) is not getattr(Optimizer, name) for name in methods)
