"""Schedules of mxcore as schedulers of torch, and the other way around."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch

import mxcore as mx

__all__ = ["Scheduler", "schedule", "scheduler", "with_base"]


def with_base(given: Any, rate: float) -> Any:
    """Return a schedule that starts from another learning rate; a function as it is."""
    if getattr(given, "base_lr", rate) == rate:
        return given
    found = copy.copy(given)
    found.base_lr = rate
    return found


class Scheduler(torch.optim.lr_scheduler.LRScheduler):
    """A schedule of mxcore as a scheduler of torch, for any optimizer of torch.

    Each group follows it from its own learning rate. Step ``n`` of the scheduler sets the rate of update ``n + 1``.

    Args:
        optimizer: the optimizer.
        given: the schedule, or a function of the update count.
        last_epoch: the number of steps that have been made, to resume.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, given: Any, last_epoch: int = -1) -> None:
        self._given = given
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the learning rate of each group for the next update."""
        return [float(with_base(self._given, float(rate))(self.last_epoch + 1)) for rate in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, without the schedule."""
        return {key: value for key, value in super().state_dict().items() if key != "_given"}


def scheduler(optimizer: torch.optim.Optimizer, name: Any, *, last_epoch: int = -1, **arguments: Any) -> Scheduler:
    """Return a schedule of mxcore as a scheduler of torch.

    >>> import torch, mxcore as mx
    >>> sgd = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    >>> scheduler = mx.torch.scheduler(sgd, "poly", max_update=10)
    >>> for _ in range(5):
    ...     sgd.step()
    ...     scheduler.step()
    >>> round(sgd.param_groups[0]["lr"], 4)
    0.016

    Args:
        optimizer: any optimizer of torch.
        name: the schedule, by name, or itself.
        last_epoch: the number of steps that have been made, to resume.
        arguments: those of the schedule.
    """
    given = mx.lr_scheduler.create(name, **arguments) if isinstance(name, str) else name
    return Scheduler(optimizer, given, last_epoch)


class _Recorded:
    """The learning rates that a scheduler of torch sets, as a function of the update count."""

    def __init__(self, create: Callable[[Any], Any], lr: float) -> None:
        self._create, self._lr = create, lr
        self._begin()

    def _begin(self) -> None:
        self._optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=self._lr)
        self._scheduler = self._create(self._optimizer)
        self._rates = [float(self._optimizer.param_groups[0]["lr"])]

    def __call__(self, update: int) -> float:
        """Return the learning rate of an update, 1, 2, …."""
        while len(self._rates) < update:
            self._optimizer.step()
            self._scheduler.step()
            self._rates.append(float(self._optimizer.param_groups[0]["lr"]))
        return self._rates[max(update, 1) - 1]


def schedule(create: Callable[[Any], Any], lr: float) -> Callable[[int], float]:
    """Return a scheduler of torch as a schedule for any optimizer of mxcore: a function of the update count.

    >>> import torch, mxcore as mx
    >>> halving = mx.torch.schedule(lambda one: torch.optim.lr_scheduler.StepLR(one, 10, gamma=0.5), 0.1)
    >>> halving(1), halving(11)
    (0.1, 0.05)
    >>> mx.optimizer.create("adam", lr_scheduler=halving).learning_rate
    0.1

    Args:
        create: creates the scheduler for an optimizer.
        lr: the learning rate of that optimizer.
    """
    return _Recorded(create, lr)
