"""An optimizer of mxcore as thinc calls its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import thinc.optimizers
import thinc.schedules

import mxcore as mx
from mxcore.backend import Array
from mxcore.step import levels

__all__ = ["NAMES", "Schedule", "ThincOptimizer"]

Key = tuple[int, str]
NAMES: dict[Key, str] = {}
"""The names of parameters, as far as they are known; layers have different numbers in all models of a process."""
Schedule: Any = getattr(thinc.schedules, "Schedule", Iterator)
"""The class of schedules: in thinc 9 they are asked with the step, in thinc 8 they are generators."""


def _following(schedule: Any) -> Callable[..., float]:
    """Return a function of the step, 0, 1, …, that gives the value of a schedule; steps never go back."""
    if not isinstance(schedule, Iterator):
        return lambda step, **extra: float(schedule(step, **extra))
    done, value = -1, float("nan")

    def at(step: int, **_: Any) -> float:
        nonlocal done, value
        while done < step:
            value = float(next(schedule, value))  # an exhausted schedule keeps its last value, as in thinc
            done += 1
        return value

    return at


class ThincOptimizer(thinc.optimizers.Optimizer):
    """An optimizer for thinc: ``optimizer((model.id, "W"), weights, grad)`` updates weights and sets the gradient to 0.

    Args:
        create: creates the optimizer of mxcore, given the first values of the schedules.
        schedules: thinc's schedules of numbers, by argument.
    """

    def __init__(self, create: Callable[..., Any], schedules: Mapping[str, Any]) -> None:
        self._follow = {name: _following(schedule) for name, schedule in schedules.items()}
        self._step, self._last_score = 0, None  # as thinc 9 calls them
        self.optimizer = create(**self._values())
        self.updater = mx.optimizer.get_updater(self.optimizer)
        self._loop = mx.OneByOne(self.updater, zero=True)
        self._names: dict[Key, str] = {}
        self._scales: dict[Key, float] = {}
        self.schedules: dict[str, Any] = {}
        self.b1 = self.b2 = 0.0  # which spaCy copies

    def __call__(self, key: Key, weights: Array, gradient: Array, *, lr_scale: float = 1.0) -> tuple[Array, Array]:
        """Update the weights in place, and set the gradient to 0; all in ``step_schedules()`` if that is needed."""
        if len(gradient):
            if key not in self._names:
                self.know({key: NAMES.get(key, key[1])})
            if lr_scale != self._scales.get(key, 1.0):
                self._scales[key] = lr_scale
                self.optimizer.set_lr_mult(self._scales)
            self._loop(key, gradient, weights)
        return weights, gradient

    def know(self, names: Mapping[Key, str]) -> None:
        """Name parameters."""
        self._names.update(names)
        self.optimizer.set_names(self._names)

    def step_schedules(self) -> None:
        """Move all schedules on, after the parameters of a model have been passed."""
        self._loop.end_step()
        self.go_to(self._step + 1)

    def go_to(self, step: int) -> None:
        """Move all schedules to a step."""
        self._step = step
        for name, value in self._values().items():
            if name == "learning_rate":
                self.optimizer.set_learning_rate(value)
            else:
                setattr(next(level for level in levels(self.optimizer) if hasattr(level, name)), name, value)

    def _values(self) -> dict[str, float]:
        return {name: at(self._step, key=None, last_score=self._last_score) for name, at in self._follow.items()}

    @property
    def learn_rate(self) -> Any:
        """The learning rate of the next update, which is a number, or a schedule in thinc 9."""
        rate = float(self.optimizer.learning_rate)
        return rate if Schedule is Iterator else thinc.schedules.constant(rate)

    @property
    def averages(self) -> Any:
        """The evaluation weights by key, computed when asked for; None for optimizers without any."""
        return self._loop.evaluation_weights
