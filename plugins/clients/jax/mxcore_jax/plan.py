"""What is known of each parameter before there are gradients: its name, its graph and its numbers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.exchange import Graph, NotExpressibleError, Parameter, Scheduled, read
from mxcore_jax.schedules import FromZero, check

with requires("jax>=0.10"):
    import jax
    import jax.numpy as jnp

__all__ = ["Leaf", "Reader", "created", "rows_of"]

_INSTEAD = {
    "accumulate": "optax.MultiSteps(transformation, every_k_schedule=…)",
    "on_nonfinite": "optax.apply_if_finite(transformation, max_consecutive_errors=…)",
}
_SCALING = "scale the loss and the gradients in the step, and skip steps with optax.apply_if_finite"


def created(optimizer: Any, arguments: Mapping[str, Any]) -> Any:
    """Return a new optimizer from a name and arguments, whose learning rate may be a schedule, or from an optimizer."""
    if not isinstance(optimizer, str):
        if arguments:
            raise TypeError(f"an optimizer has its arguments already: leave out {', '.join(arguments)}")
        return copy.deepcopy(optimizer)
    given = dict(arguments)
    rate = given.get("learning_rate")
    if callable(rate):
        if given.get("lr_scheduler") is not None:
            raise ValueError("learning_rate is a schedule: leave out lr_scheduler")
        given["lr_scheduler"] = rate if isinstance(rate, mx.lr_scheduler.LRScheduler) else FromZero(rate)
        del given["learning_rate"]
    return mx.optimizer.create(optimizer, **given)


@attrs.frozen
class Leaf:
    """A parameter.

    Args:
        index: its path, by which the optimizer knows it.
        parameter: its graph and numbers.
        has_master: whether it is updated through a float32 copy.
        dtype: the dtype of its updates, a real one.
        shape: the shape of its arrays, as pairs of reals if it is complex.
        ndim: the number of its axes.
    """

    index: Any
    parameter: Parameter
    has_master: bool
    dtype: Any
    shape: tuple[int, ...]
    ndim: int

    @property
    def frozen(self) -> bool:
        """Whether it is not updated."""
        return self.parameter.frozen

    @property
    def slots(self) -> Mapping[str, mx.Slot]:
        """Its slots, by name; none if it is frozen."""
        return {} if self.frozen else {slot.name: slot for slot in self.parameter.graph.slots}


def rows_of(leaves: Sequence[Leaf]) -> list[int]:
    """Return the row that each parameter has in the numbers of a state.

    Parameters with the same graph and settings share a row, because their numbers are always the same, unless a number
    depends on a reduction. So XLA compiles one kernel for all of one shape.
    """
    rows: dict[Any, int] = {}
    found = []
    for place, leaf in enumerate(leaves):
        graph = leaf.parameter.graph
        hosts = [graph.operations[graph.outputs[name]] for name, slot in leaf.slots.items() if _is_own(slot, graph)]
        key: Any = place
        if not leaf.frozen and all(one.kind == "number" for one in hosts):
            key = id(graph), tuple(leaf.parameter.numbers.items())
        found.append(rows.setdefault(key, len(rows)))
    return found


def _is_own(slot: mx.Slot, graph: Graph) -> bool:
    return slot.on_host and not slot.of_model and slot.name in graph.outputs


class Reader:
    """Reads the graphs of an optimizer.

    Args:
        optimizer: the optimizer, which belongs to the reader.

    Raises:
        NotExpressibleError: the optimizer is no graph, or has settings that a compiled step cannot follow.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self._decays = dict(optimizer.wd_mult)
        self._known: dict[Any, Leaf] = {}
        _check_settings(optimizer)
        self.slots: dict[str, mx.Slot] = {}
        """All slots that parameters may have, by name."""
        every = getattr(optimizer, "optimizers", (optimizer,))
        for one in every:
            found = read(one, "weight", jax.ShapeDtypeStruct((2, 2), np.float32))
            for number in found.numbers.values():
                if isinstance(number, Scheduled):
                    check(number.schedule)
            self.slots |= {slot.name: slot for slot in found.graph.slots}
        self.noisy = any("noise" in read(one, "weight", np.ones((2, 2))).graph.inputs for one in every)
        """Whether it takes noise."""
        self.has_masters = bool(optimizer.multi_precision)
        """Whether half-precision parameters have a float32 copy."""

    def leaf(self, index: Any, array: Any) -> Leaf:
        """Return what belongs to a parameter.

        Args:
            index: its path.
            array: the parameter, or its gradient.

        Raises:
            TypeError: it has no floating or complex numbers.
        """
        key = index, array.shape, array.dtype
        if key not in self._known:
            self._known[key] = self._read(index, array)
        return self._known[key]

    def _read(self, index: Any, array: Any) -> Leaf:
        optimizer = self.optimizer
        if index not in optimizer.wd_mult:  # as in optax, names do not decide on decay
            optimizer.set_wd_mult({**optimizer.wd_mult, index: self._decays.get(index, 1.0)})
        parameter = read(optimizer, index, jax.ShapeDtypeStruct(array.shape, array.dtype))
        for number in parameter.numbers.values():
            if isinstance(number, Scheduled):
                check(number.schedule)
        is_complex = jnp.issubdtype(array.dtype, jnp.complexfloating)
        if not parameter.frozen and not is_complex and not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"parameter {index!r} is {array.dtype}: freeze it with groups, or use optax.masked")
        is_half = array.dtype.itemsize == 2
        dtype = jnp.float32 if is_half else jnp.finfo(array.dtype).dtype if not parameter.frozen else array.dtype
        shape = (*array.shape, 2) if is_complex else array.shape
        return Leaf(index, parameter, is_half and self.has_masters, dtype, shape, len(array.shape))


def _check_settings(optimizer: Any) -> None:
    """Refuse what is no part of a rule.

    Raises:
        NotExpressibleError: a setting is for several calls.
    """
    for name, default in (("accumulate", 1), ("on_nonfinite", "ignore")):
        if getattr(optimizer, name) != default:
            raise NotExpressibleError(f"{name} is not for a compiled step: use {_INSTEAD[name]}")
    if not isinstance(optimizer.loss_scale, (int, float)):
        raise NotExpressibleError(f"{type(optimizer.loss_scale).__name__} is not for a compiled step: {_SCALING}")
