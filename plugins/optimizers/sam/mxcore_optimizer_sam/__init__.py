"""Sharpness-aware minimization by name, for mxcore."""

from typing import Any

import mxcore_sam

from mxcore import boolean, hyperparameter, hyperparameters, non_negative, stabilizing
from mxcore.wrapper import Wrapper

__all__ = ["SAM"]


@hyperparameters
class SAM(Wrapper):
    r"""Sharpness-aware minimization: an update with the gradient at the nearby point where the loss is greatest.

    .. math::

        \hat w &= w + \rho \, g / (\lVert g \rVert + \epsilon) \\
        w &\leftarrow \mathrm{inner}(w, \hat g)

    where the norm is over all weights and :math:`\hat g` is the gradient at :math:`\hat w`. With ``adaptive``, ASAM,
    :math:`\hat w = w + \rho \, w^2 g / (\lVert w g \rVert + \epsilon)`. An update takes two gradients: the updater has
    ``first_step`` and ``second_step``, see :class:`mx.SAM <mxcore_sam.SAM>`.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, 0.0])
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sam(sgd, rho=0.5)", learning_rate=0.25))
    >>> update.first_step("w", 2 * weight, weight)
    >>> weight
    array([1.5, 0. ])
    >>> update.second_step("w", 2 * weight, weight)
    >>> weight
    array([0.25, 0.  ])

    Args:
        optimizer: the optimizer to wrap, or its name. An ordinary call of the updater is an update of it alone.
        rho: how far the first step goes, as a norm over all weights; at least 0.
        adaptive: whether the first step scales with the weights, as in ASAM.
        epsilon: added to the norm, so that gradients of zero do no harm; at least 0.

    State: none of its own.

    When to use it: models that fit their training data well, to generalize better. When not: if the time for a second
    gradient is worth more as twice the updates.

    References:
        P. Foret, A. Kleiner, H. Mobahi, B. Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving
        Generalization", 2020, https://arxiv.org/abs/2010.01412; J. Kwon, J. Kim, H. Park, I. K. Choi, "ASAM: Adaptive
        Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural Networks", 2021,
        https://arxiv.org/abs/2102.11600

    Differs from MXNet 1.9.1: MXNet has no SAM. This is pytorch_optimizer's ``SAM``.
    """

    rho: float = hyperparameter(0.05, non_negative)
    adaptive: bool = hyperparameter(False, boolean)
    epsilon: float = hyperparameter(1e-12, stabilizing)

    @staticmethod
    def rule(weight, grad, *, inner):
        return inner(weight, grad)

    def make_updater(self) -> mxcore_sam.SAM:
        """Return an updater with ``first_step`` and ``second_step``; ``mx.optimizer.get_updater`` calls it."""
        return _Following(self)


class _Following(mxcore_sam.SAM):
    """Takes ``rho`` and the like from its optimizer."""

    def first_step(self, *call: Any) -> None:
        for name in ("rho", "adaptive", "epsilon"):
            if getattr(self.perturbation, name) != (value := getattr(self.optimizer, name)):
                setattr(self.perturbation, name, value)
        super().first_step(*call)
