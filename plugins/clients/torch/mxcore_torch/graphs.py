"""Computes the graphs of rules with the functions of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mxcore.exchange import CBRT_GUESS, REDUCTIONS, Graph, Operation

__all__ = ["Job", "outputs"]

_NAMES = {
    "divide": "true_divide", "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
    "greater_equal": "ge", "power": "pow",
}  # fmt: skip
_INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64}


class Job:
    """The computation for one parameter.

    Args:
        graph: what to compute.
        given: the arrays and numbers that it takes; arrays are tensors, complex ones as pairs of reals.
        axes: the number of dimensions of the parameter.
    """

    def __init__(
        self, graph: Graph, given: Mapping[str, Any], axes: int
    ) -> None:  # attrs is not understood by the compiler
        self.values: list[Any]
        self.graph, self.given, self.axes, self.values = graph, given, axes, []

    def advance(self, total: Any) -> Any:
        """Compute until a reduction over all parameters needs those of the others.

        Args:
            total: the value of the last such reduction.

        Returns:
            The operation, the part of this parameter, and its number of elements; None at the end.
        """
        weight = self.given["weight"]
        while len(self.values) < len(self.graph.operations):
            one = self.graph.operations[len(self.values)]
            args = [self.values[place] for place in one.args]
            if one.op in REDUCTIONS and one.value == "all":
                if total is None:
                    return one.op, _part(one.op, args, None), weight.numel()
                value, total = _rounded(total, one, weight), None
            elif one.op in REDUCTIONS:
                value = _rounded(_reduced(one, args, weight, self.axes), one, weight)
            else:
                value = _computed(one, args, self.given)
            self.values.append(value)
        return None


def outputs(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Return the new weight and slots of each parameter."""
    total: Any = None
    while True:
        asked = [job.advance(total) for job in jobs]
        if asked[0] is None:
            return [{name: job.values[place] for name, place in job.graph.outputs.items()} for job in jobs]
        total = _total(asked)


def _computed(one: Operation, args: list[Any], given: Mapping[str, Any]) -> Any:
    if one.op == "input":
        return given[str(one.value)]
    if one.op == "constant":
        return one.value
    if one.op == "cbrt_guess":
        return _cbrt_guess(args[0])
    if one.kind == "number":
        if not any(isinstance(arg, torch.Tensor) for arg in args):
            return float(getattr(np, one.op)(*args))
        # As in NumPy, a comparison of numbers is 0 or 1.
        return _of_tensors(one.op, [_double(arg, args) for arg in args]).double()
    dtype = given["weight"].dtype
    return _of_arrays(one.op, [_cast(arg, dtype) for arg in args], given["weight"])


def _double(arg: Any, args: Sequence[Any]) -> torch.Tensor:
    """Return a number as a tensor, where the others are."""
    if isinstance(arg, torch.Tensor):
        return arg.double()
    device = next(one.device for one in args if isinstance(one, torch.Tensor))
    return torch.tensor(float(arg), dtype=torch.float64, device=device)


def _cast(arg: Any, dtype: torch.dtype) -> Any:
    """Return an operand as it meets an array."""
    if isinstance(arg, torch.Tensor) and arg.dtype == torch.float64 and not arg.ndim:
        return arg.to(dtype)
    return arg


def _of_tensors(op: str, args: list[Any]) -> Any:
    if op == "where":
        return torch.where(args[0] != 0, args[1], args[2])
    return getattr(torch, _NAMES.get(op, op))(*args)


def _of_arrays(op: str, args: list[Any], weight: torch.Tensor) -> Any:
    """Compute an operation of which an operand is a tensor."""
    scalars = [arg for arg in args if not isinstance(arg, torch.Tensor)]
    if op in ("maximum", "minimum") and scalars:
        array = next(arg for arg in args if isinstance(arg, torch.Tensor))
        return torch.clamp(array, **{"min" if op == "maximum" else "max": scalars[0]})
    if op == "where":
        condition, *choices = _mask(args[0], weight), *args[1:]
        if not any(isinstance(one, torch.Tensor) for one in choices):
            choices[0] = torch.full_like(condition, choices[0], dtype=weight.dtype)
        return torch.where(condition.bool(), *choices)
    if op.startswith("logical_"):
        args = [_mask(arg, weight) for arg in args]
    if op in ("divide", "subtract", "power") and not isinstance(args[0], torch.Tensor):
        args[0] = torch.full_like(args[1], args[0])
    return getattr(torch, _NAMES.get(op, op))(*args)


def _mask(value: Any, weight: torch.Tensor) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.tensor(bool(value), device=weight.device)


def _cbrt_guess(x: torch.Tensor) -> torch.Tensor:
    integer, (drop, third, back, magic) = _INTEGERS[x.dtype], CBRT_GUESS[x.dtype.itemsize].values()
    bits = x.contiguous().view(integer)
    return (magic - (((bits >> drop) * third) << back)).to(integer).view(x.dtype)


def _part(op: str, args: list[torch.Tensor], dims: tuple[int, ...] | None) -> Any:
    """Return what a reduction adds up, or the largest, in double precision."""
    if op == "size":
        return 0.0
    x = args[0].double()
    if op == "max":
        return x.amax() if dims is None else x.amax(dims, keepdim=True)
    x = x * x if op == "norm" else x * args[1].double() if op == "dot" else x
    return x.sum() if dims is None else x.sum(dims, keepdim=True)


def _finished(op: str, found: Any, size: Any) -> Any:
    if op == "size":
        return size
    return torch.sqrt(found) if op == "norm" else found / size if op == "mean" else found


def _reduced(one: Operation, args: list[torch.Tensor], weight: torch.Tensor, axes: int) -> Any:
    by_row = one.value == "row" and axes > 1
    size = weight.numel() // (weight.shape[0] or 1) if by_row else weight.numel()
    return _finished(one.op, _part(one.op, args, tuple(range(1, weight.ndim)) if by_row else None), size)


def _rounded(value: Any, one: Operation, weight: torch.Tensor) -> Any:
    if not isinstance(value, torch.Tensor):
        return float(value)
    return value.double() if one.kind == "number" else value.to(weight.dtype)


def _total(asked: Sequence[tuple[str, Any, int]]) -> Any:
    """Return a reduction over all parameters from the part of each."""
    op, size = asked[0][0], sum(count for *_, count in asked)
    parts = [part for _, part, _ in asked]
    if op == "size":
        return size
    device = parts[0].device
    stacked = torch.stack([part.to(device) for part in parts])
    return _finished(op, stacked.amax() if op == "max" else stacked.sum(), size)
