"""LARS, for mxcore."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, non_negative, norm
from mxcore.optimizer import Optimizer, Slot

__all__ = ["LARS"]


@hyperparameters
class LARS(Optimizer):
    r"""LARS: momentum with a learning rate for each parameter, from the norms of weight and gradient.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        rate &= lr \cdot \frac{eta \cdot \lVert w \rVert}
            {\lVert \mathrm{rescale\_grad} \cdot g \rVert + wd \cdot \lVert w \rVert + eps} \\
        velocity &\leftarrow momentum \cdot \frac{lr}{last\_lr} \cdot velocity - rate \cdot G \\
        w &\leftarrow w + velocity

    and without momentum :math:`w \leftarrow w - rate \cdot G`. The rate is lr if either norm is 0, and for parameters
    whose name ends in bias, gamma or beta. ``momentum_correction`` switches the factor lr / last_lr, where last_lr is
    the learning rate of the previous update; the factor is 1 at first and after a learning rate of 0.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([3.0, -4.0])
    >>> mx.optimizer.get_updater(mx.optimizer.LARS(eta=0.1, learning_rate=1.0))(0, np.array([0.6, -0.8]), weight)
    >>> weight  # the step has the norm 0.1 · 5
    array([ 2.7, -3.6])

    Args:
        momentum: the fraction of the previous velocity that is kept, in [0, 1].
        lazy_update: accepted for compatibility with MXNet; no effect, as gradients are dense.
        eta: the norm of a step at a learning rate of 1, as a fraction of the weight's norm; at least 0.
        eps: added to the denominator, at least 0.
        momentum_correction: whether the velocity is scaled when the learning rate changes.
        learning_rate: the learning rate, at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`. Parameters whose name ends in ``_gamma`` do
            not decay.

    State: ``velocity``, with the shape and dtype of the weight, and with ``momentum_correction`` the number ``last_lr``
    for each parameter; none without momentum.

    When to use it: batches of thousands with momentum, such as for convolutions. When not: small batches, or networks
    that Adam is needed for: use ``lamb``.

    References:
        Y. You, I. Gitman and B. Ginsburg, "Large Batch Training of Convolutional Networks", 2017,
        https://arxiv.org/abs/1708.03888

    Differs from MXNet 1.9.1: momentum is corrected by the learning rate of the previous update, regardless of the order
    and number of calls per step (there by that of the previous call, so that only some parameters were corrected); the
    sign of ``rescale_grad`` does not affect the norm; a negative momentum is refused instead of ignored.
    """

    family = "layer-wise"
    aggregates = True
    decay = "own"
    decayed_suffixes: ClassVar[tuple[str, ...]] = ("_weight",)
    elementwise = False
    descent = {"learning_rate": 5.0, "eta": 0.01}
    expected_failures = {"clipping_bounds_the_gradient": "as in MXNet, the norm is taken before clipping"}
    conventions = {"optax": {"momentum": 0.9, "momentum_correction": False}}
    momentum: float = hyperparameter(0.0, in_range(0, 1))
    lazy_update: bool = hyperparameter(True, boolean, repr=False)
    eta: float = hyperparameter(0.001, non_negative)
    eps: float = hyperparameter(0.0, non_negative)
    momentum_correction: bool = hyperparameter(True, boolean)

    def slots(self) -> tuple[str | Slot, ...]:
        if not self.momentum:
            return ()
        return ("velocity", Slot("last_lr", shape=())) if self.momentum_correction else ("velocity",)

    def flags(self, name: str) -> Mapping[str, bool]:
        return {"scaled": not name.endswith(("gamma", "beta", "bias"))}

    @staticmethod
    def rule(
        weight, grad, velocity=None, last_lr=None, *, raw_grad, lr, wd, momentum, eta, eps, scaled, rescale_grad
    ):  # fmt: skip
        size, length = norm(weight), norm(rescale_grad * raw_grad)
        trust = np.where(scaled & (size > 0) & (length > 0), eta * size / (length + wd * size + eps), 1)
        step = lr * trust * (grad + wd * weight)
        if velocity is None:
            return weight - step
        kept = () if last_lr is None else (lr,)
        if last_lr is not None:
            first = last_lr == 0  # then the correction is 1; rules cannot branch on a number
            momentum = momentum * (lr + first * (1 - lr)) / (last_lr + first)
        velocity = momentum * velocity - step
        return weight + velocity, velocity, *kept
