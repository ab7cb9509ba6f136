"""A loss scale that adapts: the largest with which half-precision gradients do not overflow."""

from __future__ import annotations

from mxcore.declarations import Algorithm, hyperparameter, hyperparameters
from mxcore.validators import in_range, integer, positive

__all__ = ["DynamicLossScale"]


@hyperparameters
class DynamicLossScale(Algorithm):
    """A factor for the loss that halves when gradients overflow, and doubles after a while without overflow.

    Multiply the loss, or the gradients, by ``scale``; the optimizer divides by it. An update with a gradient that is
    infinite or NaN is skipped, and multiplies the scale by ``backoff_factor``.

    >>> import numpy as np, mxcore as mx
    >>> optimizer = mx.optimizer.create("sgd", learning_rate=0.5, loss_scale=mx.DynamicLossScale(1024))
    >>> update, weight = mx.optimizer.get_updater(optimizer), np.ones(1)
    >>> for gradient in (1.0, np.inf):
    ...     update("w", 1024 * np.array([gradient]), weight)
    >>> weight, optimizer.loss_scale.scale
    (array([0.5]), 512.0)

    Args:
        scale: the initial scale.
        growth_factor: the factor after ``growth_interval`` updates in a row with finite gradients, above 1.
        backoff_factor: the factor after a skipped update, below 1.
        growth_interval: how many updates those are.

    References:
        P. Micikevicius et al., "Mixed precision training", 2018, https://arxiv.org/abs/1710.03740. The defaults are
        those of torch's ``GradScaler``.
    """

    scale: float = hyperparameter(65536.0, positive)
    growth_factor: float = hyperparameter(2.0, in_range(1, 1e6, left_open=True), kw_only=True)
    backoff_factor: float = hyperparameter(0.5, in_range(0, 1, left_open=True, right_open=True), kw_only=True)
    growth_interval: int = hyperparameter(2000, integer(at_least=1), kw_only=True)

    def __attrs_post_init__(self) -> None:
        self.scale = float(self.scale)
        self.good_updates = 0  # with finite gradients, since the scale last changed; public, so that it is saved
        super().__attrs_post_init__()

    def __float__(self) -> float:
        return float(self.scale)

    def _follow(self, *, finite: bool) -> None:
        """Note whether the gradients of an update were finite."""
        self.good_updates = self.good_updates + 1 if finite else 0
        if not finite or self.good_updates == self.growth_interval:
            factor = self.growth_factor if finite else self.backoff_factor
            if 0 < self.scale * factor < float("inf"):
                self.scale *= factor
            self.good_updates = 0
