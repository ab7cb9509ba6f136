"""The texts that stand for pictures where they cannot be seen: what is drawn, and how it begins and ends."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from mxcore_plot.curves import whole
from mxcore_plot.descent import follow
from mxcore_plot.values import fill

from mxcore.lr_scheduler import evaluate
from mxcore.testing.functions import FUNCTIONS

__all__ = ["of_paths", "of_schedules", "of_values"]


def of_schedules(schedules: Mapping[str, Any], updates: int | None) -> str:
    """Such as "The learning rate over 110 updates: cosine from 0.01 to 0."."""
    length = updates or whole(schedules.values())
    ends = {name: evaluate(copy.deepcopy(one), [1, length]) for name, one in schedules.items()}
    return f"The learning rate over {length} updates: {_listed(_from_to(*item) for item in ends.items())}."


def of_paths(optimizers: Mapping[str, Any], function: str, steps: int) -> str:
    """Such as "The paths of adam and sgd on Rosenbrock's function and the value at each of 500 steps: …"."""
    shown = FUNCTIONS[function]
    values = {name: shown.value(follow(one, shown, steps).T) for name, one in optimizers.items()}
    said = _listed(_from_to(*item) for item in values.items())
    return f"Paths on {shown.name} on the left, and on the right the value over {steps} steps: {said}."


def of_values(initializers: Mapping[str, Any]) -> str:
    """Such as "A weight of 64 × 32 and a histogram: uniform with values between -0.07 and 0.07."."""
    filled = fill(initializers)
    shape = " × ".join(map(str, next(iter(filled.values())).shape))
    said = _listed(
        f"{name} with values between {array.min():.2g} and {array.max():.2g}" for name, array in filled.items()
    )
    return f"A weight of {shape} as an image, and a histogram of the values: {said}."


def _from_to(name: str, values: Any) -> str:
    return f"{name} from {values[0]:.2g} to {values[-1]:.2g}"


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
