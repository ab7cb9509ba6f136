"""What a row of a log says of an update: the settings in force, and the norms of gradients, weights and steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mxcore.backend import Array, backend_of, on_device_of
from mxcore.optimizer import Updater

__all__ = ["MEASURES", "Begun", "Taken", "measured", "settings_of", "together"]

MEASURES = ("grad_norm", "weight_norm", "step_norm", "nonfinite")
_NORMS = frozenset(MEASURES) - {"nonfinite"}
_BLOCK = 1 << 20  # elements that are converted to float64 at a time


def settings_of(optimizer: Any, index: Any, update: int) -> dict[str, float]:
    """Return the numbers in force for an update of a parameter, by the name of the hyper-parameter.

    Args:
        optimizer: the optimizer.
        index: the parameter.
        update: the count of the update, which is about to be made.
    """
    found: dict[str, float] = {}
    scheduler = optimizer.lr_scheduler
    rate = optimizer.learning_rate if scheduler is None else scheduler(update)
    found["learning_rate"] = float(rate) * optimizer.multiplier(index, optimizer.lr_mult, "lr_mult")
    found["wd"] = float(optimizer._get_wd(index))
    while optimizer is not None:
        for name, value in vars(optimizer).items():
            if not name.startswith("_") and isinstance(value, (int, float, np.number)) and name != "lr":
                found.setdefault(name, float(value))
        optimizer = vars(optimizer).get("optimizer")  # of a wrapper
    return found


@attrs.frozen(eq=False)
class Begun:
    """What has to be known of an update before it is made.

    Args:
        update: its count.
        settings: the settings of each parameter.
        factor: what gradients are multiplied by.
        grads: the gradients.
        weights: copies of the weights, or None for each.
        is_first: whether a parameter is updated for the first time.
    """

    update: int
    settings: list[dict[str, float]]
    factor: float
    grads: Sequence[Array]
    weights: list[Array | None]
    is_first: bool


@attrs.define(eq=False)
class Taken:
    """The numbers of one parameter, whose norms are still squared.

    Args:
        name: its name.
        settings: its settings.
        sums: its squared norms, and its count of numbers that are not finite.
    """

    name: str
    settings: Mapping[str, float]
    sums: dict[str, float]


def weight_of(updater: Updater[Any], index: Any, weight: Array) -> Array:
    """Return the weight that an update computes with: the float32 master of a half-precision weight, if any."""
    state = updater.states.get(index)
    return state[0] if state is not None and updater.optimizer.has_master(weight) else weight


def measured(
    updater: Updater[Any], indices: Sequence[Any], weights: Sequence[Array], begun: Begun, columns: Sequence[str]
) -> Iterator[Taken]:
    """Yield the numbers of each parameter after an update."""
    names = updater.optimizer.idx2name
    parts = zip(indices, weights, begun.grads, begun.weights, begun.settings, strict=True)
    for index, weight, grad, old, settings in parts:
        new = weight_of(updater, index, weight)
        sums: dict[str, float] = {}
        squared = squares(grad) if {"grad_norm", "nonfinite"} & {*columns} else 0.0
        if "grad_norm" in columns:
            sums["grad_norm"] = squared * begun.factor**2
        if "weight_norm" in columns:
            sums["weight_norm"] = squares(new)
        if old is not None:
            sums["step_norm"] = squares(new, old)
        if "nonfinite" in columns:
            sums["nonfinite"] = 0 if math.isfinite(squared) else nonfinite(grad)
        yield Taken(str(names.get(index, index)), settings, sums)


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
