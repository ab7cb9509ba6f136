"""Optimizers, schedules and initializers of mxcore for river, which learns from streams."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.random import Generator

with requires("river>=0.22"):
    from river import optim
    from river.optim import base

__all__ = ["Initializer", "Optimizer", "Scheduler"]


class Scheduler(base.Scheduler):
    """A schedule of mxcore as one of river, for any optimizer and for ``intercept_lr``.

    >>> import mxcore as mx
    >>> schedule = mx.river.Scheduler("cosine", max_update=100, base_lr=0.1)
    >>> schedule.get(0) > schedule.get(50) > schedule.get(99)
    True

    Args:
        name: its name, or the schedule itself: a function of the update count, which starts with 1.
        arguments: its arguments.
    """

    def __init__(self, name: Any, **arguments: Any) -> None:
        self.name, self.arguments = name, arguments
        self.schedule = mx.lr_scheduler.create(name, **arguments) if isinstance(name, str) else name

    def get(self, t: int) -> float:
        """Return the learning rate after ``t`` updates, which is that of the next one."""
        return float(self.schedule(t + 1))

    def __repr__(self) -> str:
        return f"Scheduler({self.schedule!r})"


class Initializer(base.Initializer):
    """An initializer of mxcore as one of river.

    >>> import mxcore as mx
    >>> initialize = mx.river.Initializer("uniform", scale=0.1, seed=1)
    >>> bool(abs(initialize()) <= 0.1), initialize(3).shape
    (True, (3,))

    Args:
        name: its name, or the initializer itself.
        seed: the seed; without one, each instance draws other numbers.
        arguments: its arguments.
    """

    def __init__(self, name: Any, seed: int | None = None, **arguments: Any) -> None:
        self.name, self.seed, self.arguments = name, seed, arguments
        self._initializer = mx.init.create(name, **arguments)
        self._rng = Generator(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]))

    def __call__(self, shape: Any = 1) -> Any:
        """Return new weights: an array, or a number if the shape is 1."""
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        values = self._initializer.values(mx.init.InitDesc("weight"), sizes, self._rng)
        array = np.array(np.broadcast_to(values, sizes), np.float64)
        return float(array[0]) if shape == 1 else array


class _Following:
    """A river schedule as a function of the update count."""

    def __init__(self, scheduler: base.Scheduler) -> None:
        self.scheduler = scheduler

    def __call__(self, update: int) -> float:
        return float(self.scheduler.get(update - 1))


class Optimizer(base.Optimizer):
    """Any optimizer of mxcore that updates each weight by itself, as one of river.

    The features of a step are updated, and no others, as by river's own optimizers; the update count is that of steps.

    >>> import mxcore as mx
    >>> optimizer = mx.river.Optimizer("lion", lr=0.5)
    >>> optimizer.step({"red": 1.0, "round": 1.0}, {"red": 0.1})
    {'red': 0.5, 'round': 1.0}

    Args:
        name: its name, such as ``"adam"`` or ``"lookahead(adamw, k=5)"``.
        lr: the learning rate, or a schedule of river or mxcore; by default, that of the optimizer.
        arguments: its hyper-parameters, by name.

    Raises:
        ValueError: the optimizer looks at several weights together; the message names those that don't.
    """

    def __init__(self, name: str = "adam", lr: Any = None, **arguments: Any) -> None:
        optimizer = mx.optimizer.create(name, **arguments)
        self.name, self.arguments = name, arguments
        self._keyed = mx.Keyed(optimizer)
        rates = {key: arguments.pop(key) for key in ("learning_rate", "lr_scheduler") if key in arguments}
        if rates and lr is not None:
            raise ValueError(f"give lr or {' and '.join(rates)}, not both")
        if lr is None:
            lr = optimizer.lr_scheduler or float(optimizer.learning_rate)
        super().__init__(lr)

    @property
    def lr(self) -> Any:
        """The schedule of learning rates; you may assign another one, or a number."""
        return self._lr

    @lr.setter
    def lr(self, lr: Any) -> None:
        if not isinstance(lr, base.Scheduler):
            lr = Scheduler(lr) if callable(lr) else optim.schedulers.Constant(lr)
        followed = lr.schedule if isinstance(lr, Scheduler) else _Following(lr)
        self._keyed.optimizer.lr_scheduler = followed
        self._lr = lr

    def _step_with_dict(self, w: Any, g: Any) -> Any:
        keys = list(g)
        new = self._keyed(keys, list(g.values()), [w[key] for key in keys])
        for key, value in zip(keys, new.tolist() if new.ndim == 1 else new.copy(), strict=True):
            w[key] = value
        return w

    def _step_with_vector(self, w: Any, g: Any) -> Any:
        if not isinstance(w, np.ndarray):
            return self._step_with_dict(w, g)
        w[...] = self._keyed(list(range(len(w))), g, w)
        return w

    def evaluation_weights(self, w: Mapping[Hashable, float]) -> dict[Hashable, float]:
        """Return the weights to predict with once training is over, by feature.

        They are other ones for optimizers that average, such as ``"average(adam)"`` and ``"schedulefreesgd"``.

        Args:
            w: the weights of a model.
        """
        keys = list(w)
        return dict(zip(keys, self._keyed.evaluation_weights(keys, list(w.values())).tolist(), strict=True))

    def __repr__(self) -> str:
        given = "".join(f", {key}={value!r}" for key, value in self.arguments.items())
        return f"Optimizer({self.name!r}, lr={self.lr!r}{given})"
