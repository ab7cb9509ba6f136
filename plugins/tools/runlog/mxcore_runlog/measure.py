"""What a row of a log says of an update: the settings in force, and the norms of gradients, weights and steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mxcore.backend import Array, backend_of, on_device_of
from mxcore.optimizer import Updater

__all__ = ["MEASURES", "Begun", "Taken", "begun", "ended", "together"]

MEASURES = ("grad_norm", "weight_norm", "step_norm", "nonfinite")
_NORMS = frozenset(MEASURES) - {"nonfinite"}
_BLOCK = 1 << 20  # elements that are converted to float64 at a time


@attrs.frozen(eq=False)
class Taken:
    """The numbers of one parameter, whose norms are still squared.

    Args:
        name: its name.
        settings: its settings.
        sums: its squared norms, and its count of numbers that are not finite.
        old: a copy of its weight before the update, or None.
    """

    name: str
    settings: Mapping[str, float]
    sums: dict[str, float]
    old: Array | None = None


@attrs.frozen(eq=False)
class Begun:
    """What was measured before an update.

    Args:
        parts: the numbers of each parameter so far.
        is_first: whether a parameter is updated for the first time.
    """

    parts: list[Taken]
    is_first: bool


def begun(
    updater: Updater[Any],
    indices: Sequence[Any],
    weights: Sequence[Array],
    grads: Sequence[Array],
    columns: Sequence[str],
) -> Begun:
    """Measure what must be measured before an update: settings, and gradients, whose arrays may be reused after it."""
    optimizer, names, parts = updater.optimizer, updater.optimizer.idx2name, []
    for index, weight, grad in zip(indices, weights, grads, strict=True):
        settings, sums = dict(optimizer.settings_of(index)), dict[str, float]()
        if {"grad_norm", "nonfinite"} & {*columns}:
            squared = squares(grad)
            sums["grad_norm"] = squared * (optimizer.unscale * settings["rescale_grad"]) ** 2
            sums["nonfinite"] = 0 if math.isfinite(squared) else nonfinite(grad)
        old = None
        if "step_norm" in columns:
            before = weight_of(updater, index, weight)
            old = backend_of(before).copy(before)
        parts.append(Taken(str(names.get(index, index)), settings, sums, old))
    return Begun(parts, any(index not in updater.states for index in indices))


def ended(
    updater: Updater[Any], indices: Sequence[Any], weights: Sequence[Array], begun: Begun, columns: Sequence[str]
) -> dict[Any, Taken]:
    """Measure the rest after the update, and return the numbers by parameter."""
    found = {}
    for index, weight, part in zip(indices, weights, begun.parts, strict=True):
        new, sums = weight_of(updater, index, weight), dict(part.sums)
        if "weight_norm" in columns:
            sums["weight_norm"] = squares(new)
        if part.old is not None:
            sums["step_norm"] = squares(new, part.old)
        found[index] = attrs.evolve(part, sums=sums, old=None)
    return found


def weight_of(updater: Updater[Any], index: Any, weight: Array) -> Array:
    """Return the weight that an update computes with: the float32 master of a half-precision weight, if any."""
    state = updater.states.get(index)
    return state[0] if state is not None and updater.optimizer.has_master(weight) else weight


def together(parts: Iterable[Taken], columns: Sequence[str]) -> dict[str, float]:
    """Return the columns of a row over parameters: the largest of each setting, and the norm of all together."""
    parts = list(parts)
    found: dict[str, float] = {}
    for column in columns:
        if column in MEASURES:
            total = sum(part.sums[column] for part in parts)
            found[column] = math.sqrt(total) if column in _NORMS else total
        elif known := [part.settings[column] for part in parts if column in part.settings]:
            found[column] = max(known)
    return found


def squares(array: Array, less: Array | None = None) -> float:
    """Return the sum of squares of an array, or of its difference from another, computed in float64."""
    with on_device_of(array), np.errstate(all="ignore"):
        flat = array.reshape(-1)
        other = None if less is None else less.reshape(-1)
        total: Any = 0.0
        for begin in range(0, flat.size, _BLOCK):
            block = flat[begin : begin + _BLOCK].astype(np.float64)
            if other is not None:
                block -= other[begin : begin + _BLOCK]
            total = total + block.dot(block)
        return float(total)


def nonfinite(array: Array) -> int:
    """Return how many elements of an array are not finite."""
    with on_device_of(array):
        return int(array.size - backend_of(array).xp.isfinite(array).sum())
