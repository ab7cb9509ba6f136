"""The graph of a parameter, computed with ``jax.numpy``.

Values are *wide* if there is one for all elements of a parameter or row: numbers and reductions, in double precision.
They are rounded where they meet an array. What follows from Python's numbers alone is computed while JAX traces.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mxcore.adapting import requires
from mxcore.exchange import CBRT_GUESS, REDUCTIONS, Graph, NotExpressibleError, Operation

with requires("jax>=0.10"):
    import jax
    import jax.numpy as jnp

__all__ = ["Memo", "Outputs", "compute", "run_together"]

ABSENT: Any = object()
"""Stands for the weight where no parameters are given."""

Memo = dict[tuple[Any, ...], tuple[Sequence[Any], Any]]
"""Wide values by operation and operands, which parameters share."""


@attrs.frozen
class Contribution:
    """What a parameter contributes to a reduction over all parameters.

    Args:
        op: the reduction.
        total: the total of its terms.
        size: the number of its elements.
    """

    op: str
    total: Any
    size: int


@attrs.frozen
class Outputs:
    """The results of a graph.

    Args:
        change: the difference of the new weight and the weight; None if the graph has no new weight.
        weight: the new weight; None if only the difference was needed.
        slots: the new slots.
    """

    change: Any
    weight: Any
    slots: Mapping[str, Any]


Computation = Generator[Contribution, Any, Outputs]


def compute(
    graph: Graph,
    given: Mapping[str, Any],
    shape: tuple[int, ...],
    ndim: int,
    memo: Memo,
    *,
    row: int = 0,
    whole: bool = False,
) -> Computation:
    """Compute a graph; yield what the parameter contributes to a reduction over all, and receive that.

    Args:
        graph: the graph.
        given: the inputs by name. Arrays have one floating dtype, numbers are Python's or float64 scalars, or vectors
            of those of all parameters, with which what follows is computed for all at once.
        shape: the shape of the arrays.
        ndim: the number of the parameter's axes, to which a complex one has another here.
        memo: the wide values so far.
        row: the place of this parameter in the vectors.
        whole: whether the new weight is needed, and not only its difference.
    """
    dtype = given["grad"].dtype if "grad" in given else given["weight"].dtype
    operations, roots = graph.operations, {name: place for name, place in graph.outputs.items() if name != "weight"}
    end, direct = graph.outputs.get("weight"), None
    if end is not None:
        direct = None if whole else _direct(operations, operations[end])
        roots["weight"] = end if direct is None else direct[0]
    values: dict[int, Any] = {}
    for position in _needed(operations, roots.values()):
        one = operations[position]
        args = [values[at] for at in one.args]
        if one.kind != "number":
            numbers = [operations[at].kind == "number" for at in one.args]
            args = [_own(x, row, memo) if is_number else x for x, is_number in zip(args, numbers, strict=True)]
        if one.op in REDUCTIONS:
            over = str(one.value)
            contribution = _contribution(one.op, args, shape, over == "row" and ndim > 1)
            values[position] = (yield contribution) if over == "all" else finished(contribution)
        elif one.args:
            wide = [operations[at].kind == "number" or operations[at].single for at in one.args]
            values[position] = _applied(one, args, wide, dtype, memo)
        else:
            values[position] = given[str(one.value)] if one.op == "input" else one.value
    found = {name: values[at] for name, at in roots.items()}
    if "weight" not in found:
        return Outputs(None, None, found)
    weight = (
        _own(found.pop("weight"), row, memo) if operations[roots["weight"]].kind == "number" else found.pop("weight")
    )
    return _outputs(weight, 0 if direct is None else direct[1], found, given["weight"], (dtype, shape))


def _outputs(weight: Any, sign: int, slots: Mapping[str, Any], former: Any, like: tuple[Any, Any]) -> Outputs:
    """Return the outputs of a graph, of which the first is a difference with a sign, or without one the new weight."""
    if sign:
        return Outputs(weight if sign > 0 else -weight, None, slots)
    if former is ABSENT:
        raise _lacking()
    dtype, shape = like
    weight = jnp.broadcast_to(jnp.asarray(weight, dtype), shape)
    return Outputs(weight - former, weight, slots)


def run_together(computations: Sequence[Computation]) -> list[Outputs]:
    """Compute the graphs of all parameters, which meet at reductions over all of them."""
    results: dict[int, Outputs] = {}
    sent: Any = None
    while len(results) < len(computations):
        asked = []
        for place, one in enumerate(computations):
            try:
                asked.append(one.send(sent))
            except StopIteration as stop:
                results[place] = stop.value
        if not asked:
            break
        if len(asked) < len(computations) or len({one.op for one in asked}) > 1:
            raise NotExpressibleError("the groups of parameters look at all parameters in different ways")
        combined = jnp.max if asked[0].op == "max" else jnp.sum
        total = combined(jnp.stack([one.total for one in asked]))
        sent = finished(Contribution(asked[0].op, total, sum(one.size for one in asked)))
    return [results[place] for place in range(len(computations))]


def finished(one: Contribution) -> Any:
    """Return the value of a reduction from the total of its terms."""
    if one.op == "size":
        return float(one.size)
    if one.op == "norm":
        return jnp.sqrt(one.total)
    return one.total / one.size if one.op == "mean" else one.total


def _contribution(op: str, args: Sequence[Any], shape: tuple[int, ...], by_row: bool) -> Contribution:
    axes = tuple(range(1 if by_row else 0, len(shape)))
    size = math.prod(shape[axis] for axis in axes)
    if op == "size":
        return Contribution(op, 0.0, size)
    if any(one is ABSENT for one in args):
        raise _lacking()
    terms = [jnp.broadcast_to(jnp.asarray(one, jnp.float64), shape) for one in args]
    if op == "max":
        return Contribution(op, jnp.max(terms[0], axes, keepdims=by_row, initial=-jnp.inf), size)
    term = terms[0] * terms[-1] if op in ("norm", "dot") else terms[0]
    return Contribution(op, jnp.sum(term, axes, keepdims=by_row), size)


def _applied(one: Operation, args: Sequence[Any], wide: Sequence[bool], dtype: Any, memo: Memo) -> Any:
    """Return the value of an operation on arrays or numbers."""
    folded = _folded(one.op, args)
    if folded is not None:
        return folded
    if any(x is ABSENT for x in args):
        raise _lacking()
    if all(isinstance(x, (bool, int, float)) for x in args):
        with np.errstate(all="ignore"):
            value = getattr(np, one.op)(*(float(x) if type(x) is int else x for x in args))
        return bool(value) if value.dtype == np.bool_ else float(value)
    if all(wide):
        key = (one.op, *((type(x), repr(x)) if isinstance(x, (bool, int, float)) else id(x) for x in args))
        if key not in memo:
            memo[key] = args, _function(one.op)(*args)
        return memo[key][1]
    # Python's numbers are weak: they take the dtype of what they meet.
    narrow = [x.astype(dtype) if w and _is_double(x) else x for x, w in zip(args, wide, strict=True)]
    value = _function(one.op)(*narrow)
    return value if one.kind == "mask" or value.dtype == dtype else value.astype(dtype)


def _own(x: Any, row: int, memo: Memo) -> Any:
    """Return the number of a parameter, from one of all or from a vector with those of all."""
    if not isinstance(x, jax.Array):
        return x
    if not x.ndim:
        return x
    key = ("own", id(x), row)
    if key not in memo:
        memo[key] = (x,), x[row]
    return memo[key][1]


def _folded(op: str, args: Sequence[Any]) -> Any:
    """Return the value of an operation that needs no computation, as without weight decay; or None."""
    if op == "multiply":
        for x, other in (args, args[::-1]):
            if _is(x, 0.0):
                return 0.0
            if _is(x, 1.0):
                return other
    if op in ("add", "subtract") and _is(args[1], 0.0):
        return args[0]
    if op == "add" and _is(args[0], 0.0):
        return args[1]
    return args[0] if op == "divide" and _is(args[1], 1.0) else None


def _is(x: Any, number: float) -> bool:
    return type(x) in (int, float) and x == number


def _is_double(x: Any) -> bool:
    return getattr(x, "dtype", None) == np.float64


def _function(op: str) -> Any:
    if op == "cbrt_guess":
        return _cbrt_guess
    function = getattr(jnp, op, None)
    if function is None:
        raise NotExpressibleError(f"jax.numpy has no function {op!r}")
    return function


def _cbrt_guess(x: Any) -> Any:
    drop, third, back, magic = CBRT_GUESS[x.dtype.itemsize].values()
    integer = jnp.int32 if x.dtype.itemsize == 4 else jnp.int64
    bits = jax.lax.bitcast_convert_type(x, integer)
    return jax.lax.bitcast_convert_type(magic - ((bits >> drop) * integer(third) << back), x.dtype)


def _direct(operations: Sequence[Operation], one: Operation) -> tuple[int, int] | None:
    """Return the place and the sign of what a graph adds to the weight, if that is how it ends."""
    is_weight = [operations[at].op == "input" and operations[at].value == "weight" for at in one.args]
    if one.op in ("add", "subtract") and is_weight[0]:
        return one.args[1], 1 if one.op == "add" else -1
    return (one.args[0], 1) if one.op == "add" and is_weight[1] else None


def _needed(operations: Sequence[Operation], roots: Iterable[int]) -> list[int]:
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += operations[place].args
    return sorted(found)


def _lacking() -> ValueError:
    return ValueError("this optimizer looks at the parameters: call update(grads, state, params)")
