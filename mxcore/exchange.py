"""What an optimizer computes, as records for programs outside of the core: the graph of its rule, and its numbers.

With these, a library of another kind of array can run every optimizer that is a rule; see :func:`read`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from mxcore.evaluation import evaluated, has_evaluation
from mxcore.kernel.rule import graph, roots
from mxcore.kernel.rule.graph import Node, needed
from mxcore.kernel.rule.program import COUNTED, NDIM, Program
from mxcore.kernel.rule.slot import Slot
from mxcore.kernel.rule.trace import trace_function
from mxcore.kernel.run.plan import noise_key, traced
from mxcore.optimizer import Optimizer
from mxcore.step import levels
from mxcore.step.program import Settings, depth_of, traits_of
from mxcore.step.sources import SMALLEST, Followed
from mxcore.step.states import by_slot, packed_by_slot
from mxcore.validators import is_schedule

__all__ = [
    "CBRT_GUESS", "REDUCTIONS", "VERSION", "Graph", "NotExpressibleError", "Operation", "Parameter", "Scheduled",
    "noise_key", "read", "read_state", "write_state",
]  # fmt: skip

VERSION = 1
"""The version of these records. It changes if a reader of an earlier version would misread them."""
REDUCTIONS = graph.REDUCTIONS
"""The operations that reduce arrays."""
CBRT_GUESS = roots.GUESS
"""The constants of ``cbrt_guess``, ``magic - ((b >> drop) * third << back)`` for bits b, by the size of a number."""


class NotExpressibleError(TypeError):
    """An optimizer cannot be expressed as a graph; the message says why.

    >>> import numpy as np, mxcore as mx
    >>> mx.exchange.read(mx.optimizer.create("soap"), "w", np.ones(2))
    Traceback (most recent call last):
    mxcore.exchange.NotExpressibleError: SOAP cannot be expressed as a graph: SOAP is array code
    """


@attrs.frozen
class Operation:
    """A value of a graph.

    >>> Operation("multiply", "array", (1, 2)).args
    (1, 2)

    Args:
        op: ``"input"``, ``"constant"``, a reduction, or the NumPy name of a function of ``args``.
        kind: ``"array"`` for one number per element, ``"mask"`` for one boolean per element, or ``"number"`` for one
            number per parameter, which is computed in double precision.
        args: the positions of the operands, which are smaller than its own.
        value: the name of an input, the value of a constant, or what a reduction covers: ``"parameter"``, ``"row"`` or
            ``"all"`` parameters.
        single: whether an array or mask has the same value for all elements of what a reduction covers.
    """

    op: str
    kind: Literal["array", "mask", "number"]
    args: tuple[int, ...] = ()
    value: str | float | bool | None = None
    single: bool = False


@attrs.frozen
class Graph:
    """What is computed for a parameter.

    >>> descent = Graph("Descent", (Operation("input", "array", value="weight"),), {"weight": 0}, ())
    >>> descent.inputs, descent.version
    (('weight',), 1)

    Args:
        owner: the optimizer's class, for messages.
        operations: the values, operands first.
        outputs: the position of each new value by name: ``"weight"`` and slots.
        slots: the state.
        version: :data:`VERSION`.
    """

    owner: str
    operations: tuple[Operation, ...]
    outputs: Mapping[str, int]
    slots: tuple[Slot, ...]
    version: int = VERSION

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the arrays and numbers that have to be given."""
        return tuple(str(one.value) for one in self.operations if one.op == "input")


@attrs.frozen
class Scheduled:
    """A number that follows a schedule: ``factor * schedule(num_update)``, and at least ``least`` times the factor.

    >>> Scheduled(lambda update: 1 / update, factor=0.5)(4)
    0.125

    Args:
        schedule: a function of the highest update count, 1, 2, …
        factor: the multiplier of the parameter.
        least: the least value.
    """

    schedule: Any
    factor: float = 1.0
    least: float = -math.inf

    def __call__(self, num_update: int) -> float:
        """Return the number of an update."""
        return max(float(self.schedule(num_update)), self.least) * self.factor


@attrs.frozen
class Parameter:
    """How to update a parameter, as :func:`read` returns it.

    >>> import numpy as np, mxcore as mx
    >>> mx.exchange.read(mx.optimizer.create("sgd", momentum=0.5), "w", np.ones(2)).numbers["momentum"]
    0.5

    Args:
        graph: what to compute.
        numbers: its numbers by name; ``t``, ``num_update`` and slots are not among them.
        frozen: whether it is not updated.
        evaluation: what computes the evaluation weight from the weight and the slots, with the output ``"weight"``;
            None if it is the weight itself.
    """

    graph: Graph
    numbers: Mapping[str, float | Scheduled]
    frozen: bool = False
    evaluation: Graph | None = None


def read(optimizer: Any, index: Any, weight: Any) -> Parameter:
    """Return how to update a parameter: as a graph with everything that precedes the rule, and its numbers.

    >>> import numpy as np, mxcore as mx
    >>> sgd = mx.optimizer.create("sgd", learning_rate=0.5, wd=0.25, groups={".*bias": {"wd": 0}})
    >>> for operation in mx.exchange.read(sgd, "fc_weight", np.ones(3)).graph.operations:
    ...     print(operation.op, operation.args, operation.value)
    input () weight
    input () grad
    input () lr
    input () wd
    multiply (0, 3) None
    add (1, 4) None
    multiply (2, 5) None
    subtract (0, 6) None
    >>> dict(mx.exchange.read(sgd, "fc_bias", np.ones(3)).numbers)
    {'lr': 0.5, 'wd': 0.0}

    Args:
        optimizer: the optimizer.
        index: what identifies the parameter; ``optimizer.set_names`` gives it a name for groups and multipliers.
        weight: an array with its number of dimensions, or what has a ``shape``.

    Raises:
        NotExpressibleError: the optimizer has no rule, or does more in an update than applying its rule once.
    """
    optimizer = optimizer.optimizer_of(index, weight)
    if fault := _fault(optimizer):
        raise NotExpressibleError(f"{type(optimizer).__name__} cannot be expressed as a graph: {fault}")
    settings = Settings(optimizer)
    name = str(optimizer.idx2name.get(index, index))
    group = optimizer.groups.number_of(name)
    static = {**settings.static[group], **optimizer.flags(name)}
    if NDIM in settings.program.all_numbers:
        static[NDIM] = len(weight.shape)
    graph = _graph(settings.program, tuple(sorted(static.items())))
    numbers = _numbers(optimizer, settings, index, group)
    kept = {name: numbers[name] for name in graph.inputs if name in numbers}
    evaluation = _evaluation(optimizer, settings.program.slots)
    return Parameter(graph, kept, optimizer.groups.every[group].frozen, evaluation)


def read_state(updater: Any, index: Any, weight: Any) -> tuple[int, dict[str, Any]]:
    """Return what an updater keeps for a parameter: its update count, and its slots by name.

    A slot is an array, or a number if it is one. The float32 copy of a half-precision weight is called ``"master"``.

    >>> import numpy as np, mxcore as mx
    >>> update, weight = mx.optimizer.get_updater(mx.optimizer.create("sgd", momentum=0.9)), np.ones(2)
    >>> update("w", np.ones(2), weight)
    >>> mx.exchange.read_state(update, "w", weight)
    (1, {'velocity': array([-0.01, -0.01])})

    Raises:
        KeyError: it keeps nothing for this parameter, which has not been updated.
        ValueError: it keeps something else than the slots of the optimizer.
    """
    optimizer = updater.optimizer.optimizer_of(index, weight)
    slots = Settings(optimizer).program.slots
    state, numbers = updater.states[index], {**updater.tally.host_numbers.get(index, {}), **updater.tally.model_numbers}
    found = by_slot(state, [slot.name for slot in slots if not slot.on_host], depth_of(optimizer))
    if found is None:
        raise ValueError(f"{optimizer.describe(index)} has a state that is not one of {type(optimizer).__name__}")
    known = {slot.name: float(numbers.get(slot.name, slot.init)) for slot in slots if slot.on_host}
    return int(updater.tally.table.get(index, optimizer.begin_num_update)), {**found, **known}


def write_state(updater: Any, index: Any, weight: Any, count: int, slots: Mapping[str, Any]) -> None:
    """Make an updater keep for a parameter what :func:`read_state` returns.

    >>> import numpy as np, mxcore as mx
    >>> update, weight = mx.optimizer.get_updater(mx.optimizer.create("sgd", momentum=0.9)), np.ones(2)
    >>> mx.exchange.write_state(update, "w", weight, 1, {"velocity": np.full(2, -0.01)})
    >>> update("w", np.zeros(2), weight)
    >>> weight
    array([0.991, 0.991])

    Args:
        updater: the updater.
        index: what identifies the parameter.
        weight: the parameter, or what has its ``shape``.
        count: its update count.
        slots: its slots by name, as new arrays or as numbers.

    Raises:
        ValueError: these are not the slots of the optimizer; nothing has changed.
    """
    optimizer, given = updater.optimizer.optimizer_of(index, weight), dict(slots)
    wanted = Settings(optimizer).program.slots
    master = given.pop("master", None)
    if given.keys() != {slot.name for slot in wanted}:
        raise ValueError(f"{type(optimizer).__name__} has the slots {[one.name for one in wanted]}, got {[*given]}")
    arrays = {slot.name: given[slot.name] for slot in wanted if not slot.on_host}
    state = packed_by_slot(arrays, depth_of(optimizer))
    tally = updater.tally
    updater.states[index] = state if master is None else (master, state)
    if own := {slot.name: float(given[slot.name]) for slot in wanted if slot.on_host and not slot.of_model}:
        tally.host_numbers[index] = own
    tally.model_numbers |= {slot.name: float(given[slot.name]) for slot in wanted if slot.of_model}
    tally.table[index], tally.highest.value = count, max(count, tally.highest.value)


def _fault(optimizer: Any) -> str | None:
    """Return why an optimizer is no graph, or None."""
    traits = traits_of(optimizer)
    for level in levels(optimizer):
        if type(level).rule is None:
            return f"{type(level).__name__} is array code"
        if hasattr(level, "set_hessian"):
            return f"{type(level).__name__} needs an estimate of the Hessian"
        if type(level).make_updater is not Optimizer.make_updater:
            return f"{type(level).__name__} needs more than one gradient"
        if type(level).observe is not Optimizer.observe:
            return f"{type(level).__name__} needs the loss"
    if not traits.runs_rule:
        return "it overrides update"
    if traits.own_rates:
        return "it overrides how to count, or how to look up learning rates or weight decay"
    return None


@functools.lru_cache(maxsize=256)
def _graph(program: Program, static: tuple[tuple[str, Any], ...]) -> Graph:
    found = traced(program, static)
    outputs = {**found.written, **found.host, **found.late}
    return _recorded(found.owner, outputs, program.slots)


def _recorded(owner: str, outputs: Mapping[str, Node], slots: Sequence[Slot]) -> Graph:
    order = needed(outputs.values())
    places = {node.number: place for place, node in enumerate(order)}
    operations = [
        Operation(node.op, node.kind, tuple(places[one.number] for one in node.args), node.value, node.single)
        for node in order
    ]
    return Graph(owner, tuple(operations), {name: places[node.number] for name, node in outputs.items()}, tuple(slots))


def _numbers(optimizer: Any, settings: Settings, index: Any, group: int) -> dict[str, float | Scheduled]:
    """Return the numbers of a parameter by name."""
    own = optimizer.groups.every[group]
    lr, wd = (optimizer.multiplier(index, getattr(optimizer, name), name) for name in ("lr_mult", "wd_mult"))
    schedules: list[Any] = []

    def keep(schedule: Any, _: int) -> float:
        schedules.append(schedule)
        return 0.0

    rate = own.rate(optimizer, 1, keep)
    decay = own.settings.get("wd", optimizer.wd)
    found = {name: value for name, value in settings.numbers.items() if name not in COUNTED}
    if settings.sources is not None:
        found |= zip(settings.program.varying, settings.sources[group].given, strict=True)
    found = {name: _followed(value) for name, value in found.items()}
    found["lr"] = Scheduled(schedules[0], lr) if schedules else rate * lr
    found["wd"] = Scheduled(decay, wd) if is_schedule(decay) else decay * wd
    return found


def _followed(value: Any) -> Any:
    if not isinstance(value, Followed):
        return value
    return Scheduled(value.schedule, least=SMALLEST if value.stabilizes else -math.inf)


def _evaluation(optimizer: Any, slots: Sequence[Slot]) -> Graph | None:
    if not has_evaluation(optimizer):
        return None
    every = levels(optimizer)
    arrays = ["weight", *(slot.name for slot in slots if not slot.on_host)]
    numbers = [slot.name for slot in slots if slot.on_host]
    node = trace_function(type(optimizer).__name__, lambda known: evaluated(every, known), arrays, numbers)
    return _recorded(type(optimizer).__name__, {"weight": node}, slots)
