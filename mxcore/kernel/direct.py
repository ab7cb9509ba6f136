"""Run a rule directly on arrays, one parameter after the other: any array library, no compilation.

Everything is computed before anything is written, so that a rule which fails changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mxcore import random
from mxcore.backend import Array
from mxcore.kernel.program import Program, Update

if TYPE_CHECKING:
    from mxcore.backend import Backend


def run(program: Program, updates: Sequence[Update], backend: Backend) -> list[Mapping[str, float]]:
    """Apply ``program`` to every update, in place; return each one's new host numbers.

    Raises:
        TypeError: the rule returns another number of values, or another dtype or shape, than it was given.
    """
    results = []
    with np.errstate(all="ignore"):
        for update in updates:
            with backend.on(backend.device_of(update.weight)):
                results.append(_compute(program, update, backend))
    for update, (weight, slots) in zip(updates, results, strict=True):
        _write(update, weight, slots, backend)
    return [_host_numbers(program, slots) for _, slots in results]


def _compute(program: Program, update: Update, backend: Backend) -> tuple[Array, dict[str, Any]]:
    """The new weight and slots of one parameter."""
    weight = update.weight if update.master is None else update.master
    raw_grad = update.grad if update.master is None else backend.copy(update.grad, weight.dtype)
    grad = _prepare(program, update, weight, raw_grad, backend.xp)
    if program.decay == "decoupled" and update.wd:
        weight = weight * (1 - update.lr * update.wd)
    inputs = {**update.arrays, **update.numbers}
    if program.takes("raw_grad"):
        inputs["raw_grad"] = raw_grad
    if program.takes("noise"):
        draw = random.generator("noise", *update.noise_key).standard_normal(weight.shape, weight.dtype)
        inputs["noise"] = backend.from_host(draw, backend.device_of(weight))
    new_weight, slots = program.unpack(program.rule(weight, grad, **inputs))
    _check(program, update, "weight", new_weight, weight)
    for name, array in update.arrays.items():
        _check(program, update, name, slots[name], array)
    return new_weight, slots


def _prepare(program: Program, update: Update, weight: Array, grad: Array, xp: Any) -> Array:
    """The gradient as the rule sees it: rescaled, clipped and, where asked for, with weight decay."""
    grad = grad * program.rescale_grad
    if program.decay == "before_clip" and update.wd:
        grad = grad + update.wd * weight
    if program.clip_gradient is not None:
        grad = xp.clip(grad, -program.clip_gradient, program.clip_gradient)
    if program.decay == "after_clip" and update.wd:
        grad = grad + update.wd * weight
    return grad


def _check(program: Program, update: Update, name: str, new: Any, old: Array) -> None:
    got = (getattr(new, "dtype", type(new).__name__), getattr(new, "shape", None))
    if got != (old.dtype, old.shape):
        raise TypeError(
            f"{program.owner}.rule returned {name} as {got[0]} of shape {got[1]} for {update.label}, whose {name} is "
            f"{old.dtype} of shape {old.shape}: keep scalars Python floats and operate element by element"
        )


def _write(update: Update, weight: Array, slots: Mapping[str, Any], backend: Backend) -> None:
    if update.master is not None:
        backend.fill(update.master, weight)
    backend.fill(update.weight, weight)
    for name, array in update.arrays.items():
        backend.fill(array, slots[name])


def _host_numbers(program: Program, slots: Mapping[str, Any]) -> dict[str, float]:
    return {slot.name: float(slots[slot.name]) for slot in program.slots if slot.on_host}
