"""Rprop, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, positive
from mxcore.optimizer import Optimizer
from mxcore.validators import Validator

__all__ = ["Rprop"]


@hyperparameters
class Rprop(Optimizer):
    r"""Rprop: each weight has a step that grows while its gradient keeps its sign, and shrinks when that changes.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        agree &= \mathrm{sign}(G) \cdot \mathrm{sign}(previous) \\
        step &\leftarrow step \cdot \begin{cases}
            \eta_+ & agree > 0 \\
            \eta_- & agree < 0 \\
            1 & \text{otherwise}
        \end{cases} \\
        step &\leftarrow \min(\max(step, step\_min), step\_max) \\
        G &\leftarrow 0 \quad \text{where } agree < 0 \\
        w &\leftarrow w - \mathrm{sign}(G) \cdot step \\
        previous &\leftarrow G

    The learning rate is the initial step; it has no effect after the first update. Rprop is meant for gradients of the
    whole data set: with those of batches, signs change by chance, and steps shrink.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.array([1.0, -1.0]), mx.optimizer.get_updater(mx.optimizer.Rprop(0.1))
    >>> for _ in range(2):
    ...     update(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.78, -0.78])

    Args:
        learning_rate: the initial step, at least 0.
        learning_rate: the initial step, at least 0.
        eta_minus: the factor when the sign changes, in (0, 1).
        eta_plus: the factor while the sign stays, above 1.
        step_min: the smallest step, positive.
        step_max: the largest step, at least ``step_min``.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``previous``, and ``step``, 0 before the first update, with the shape and dtype of the weight.

    When to use it: exact gradients, of full batches: each weight has its own step, which adapts to signs alone. When
    not: mini-batches: signs of noise make all steps shrink. A schedule has no effect.

    References:
        M. Riedmiller and H. Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP
        Algorithm", 1993, https://doi.org/10.1109/ICNN.1993.298623

    Differs from MXNet 1.9.1: MXNet has no Rprop. This is the rule of PyTorch, which does not take back a step after
    which the sign changes. optax applies the step of the previous update.
    """

    family = "sign"
    default_learning_rate = 0.01
    moves_at_rate_zero = True
    slots = ("previous", "step")
    conventions = {"torch": {}, "optax": "it makes each step one update late"}
    eta_minus: float = hyperparameter(0.5, in_range(0, 1, left_open=True, right_open=True))
    eta_plus: float = hyperparameter(1.2, Validator("a number above 1", lambda eta: positive.accepts(eta) and eta > 1))
    step_min: float = hyperparameter(1e-6, positive)
    step_max: float = hyperparameter(50.0, positive)

    def check_together(self) -> None:
        bounds = (self.step_min, self.step_max)
        if not any(map(callable, bounds)) and self.step_max < self.step_min:
            raise ValueError(f"step_max must be at least step_min={self.step_min}, got {self.step_max}")

    @staticmethod
    def rule(weight, grad, previous, step, *, lr, eta_minus, eta_plus, step_min, step_max):
        agree = np.sign(grad) * np.sign(previous)  # the product of gradients would underflow
        step = np.where(step == 0, lr, step)
        step = np.where(agree > 0, eta_plus * step, np.where(agree < 0, eta_minus * step, step))
        step = np.clip(step, step_min, step_max)
        grad = np.where(agree < 0, 0, grad)
        return weight - np.sign(grad) * step, grad, step
