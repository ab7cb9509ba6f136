"""AdamW for the parameters that are no matrices."""

from typing import Any

import numpy as np
from mxcore_matrices import Orthogonalized, working_dtype
from mxcore_optimizer_adamw import AdamW

from mxcore import hyperparameter, hyperparameters, in_range, non_negative, optional, positive
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index

__all__ = ["WithAdamW"]

_BLOCK = 1 << 20
"""The number of elements that AdamW updates at once, to bound the memory."""


@hyperparameters
class WithAdamW(Orthogonalized):
    """Base class that leaves to AdamW the parameters with one axis, or more than two, and those that are excluded.

    Args:
        adam_learning_rate: their learning rate, scaled by a schedule like ``learning_rate``; None for the same. That of
            a group holds as it is.
        adam_beta1: as for AdamW.
        adam_beta2: as for AdamW.
        adam_epsilon: as for AdamW.
        adam_wd: their weight decay, unless their group has one.
        kwargs: further arguments of :class:`~mxcore_matrices.Orthogonalized`.
    """

    expected_failures = {
        "a_gradient_of_zero_moves_nothing": "adam_wd is another weight decay than wd",
        "multipliers_scale_the_rate": {"adam_learning_rate": "it is another learning rate than learning_rate"},
    }
    adam_learning_rate: float | None = hyperparameter(None, optional(non_negative))
    adam_beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    adam_beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    adam_epsilon: float = hyperparameter(1e-8, positive)
    adam_wd: float = hyperparameter(0.01, non_negative)

    def create_state(self, index: Index, weight: Array) -> Any:
        if self.is_matrix(index, weight):
            return super().create_state(index, weight)
        return tuple(backend_of(weight).full_like(weight, 0.0) for _ in range(2))

    def update_other(self, index: Index, weight: Array, grad: Array, state: tuple[Array, Array]) -> None:
        lr, wd = self._rates_of_adamw(index)
        numbers = {"lr": lr, "t": self._index_update_count[index], "epsilon": self.adam_epsilon, "amsgrad": False}
        numbers |= {"beta1": self.adam_beta1, "beta2": self.adam_beta2}
        work = working_dtype(weight.dtype)
        every = [np.atleast_1d(array) for array in (weight, grad, *state)]
        rows = max(1, _BLOCK * len(every[0]) // max(weight.size, 1))
        for first in range(0, len(every[0]), rows):
            parts = [array[first : first + rows] for array in every]
            wide, part, mean, variance = (one.astype(work, copy=False) for one in parts)
            new = AdamW.rule(wide * (1 - lr * wd), self.preprocessed(part), mean, variance, **numbers)
            parts[0][...], parts[2][...], parts[3][...] = new

    def _rates_of_adamw(self, index: Index) -> tuple[float, float]:
        """Return the learning rate and the weight decay of a parameter that is no matrix."""
        lr, wd, own = self._get_lr(index), self._get_wd(index), self.groups.of(self, index).settings
        if "wd" not in own:
            wd = self.adam_wd * self.multiplier(index, self.wd_mult, "wd_mult")
        if self.adam_learning_rate is not None and not {"lr", "lr_scheduler"} & own.keys():
            base = self.lr if self.lr_scheduler is None else getattr(self.lr_scheduler, "base_lr", None)
            if base is None:
                raise ValueError(
                    "adam_learning_rate is scaled like the schedule's base_lr, but the lr_scheduler is a function "
                    "without one: give the parameters of AdamW a group with an lr_scheduler"
                )
            lr = lr * (self.adam_learning_rate / base) if base else 0.0
        return lr, wd
