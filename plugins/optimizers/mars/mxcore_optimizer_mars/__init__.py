"""MARS, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, in_range, non_negative, norm
from mxcore.wrapper import Wrapper

__all__ = ["MARS"]


@hyperparameters
class MARS(Wrapper):
    r"""MARS: reduces the variance of gradients by what they have changed by since the last update.

    .. math::

        c &= g + \gamma \frac{\beta_1}{1 - \beta_1} (g - previous) \\
        w &\leftarrow \mathrm{inner}(w, c / \max(\lVert c \rVert, 1)) \\
        previous &\leftarrow g

    The first update takes g as it is. This is the approximation that the paper recommends for large models, where
    ``previous`` is the last gradient, instead of that of the last weights on the current batch.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros(1)
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("mars(sgd, gamma=0.1, beta1=0.5)", learning_rate=1.0))
    >>> for grad in (0.2, 0.3):
    ...     update("w", np.array([grad]), weight)
    >>> weight  # -0.2 - (0.3 + 0.1 · (0.3 - 0.2))
    array([-0.51])

    Args:
        optimizer: the optimizer to wrap, or its name.
        gamma: the scale of the correction; at least 0.
        beta1: the decay of the wrapped optimizer's mean, which the correction is for; in [0, 1).

    State: ``previous``, with the shape and dtype of the weight; and ``updates``, a number.

    When to use it: large models whose gradients are noisy, with Adam or Lion inside. When not: little memory: it keeps
    the previous gradient.

    References:
        H. Yuan et al., "MARS: Unleashing the Power of Variance Reduction for Training Large Models", 2024,
        https://arxiv.org/abs/2411.10438

    Differs from MXNet 1.9.1: MXNet has no MARS. Around AdamW with the same ``beta1``, this is timm's ``Mars`` with
    ``optimize_1d=True``.
    """

    family = "wrapper"
    elementwise = False
    slots = ("previous", Slot("updates", shape=()))
    gamma: float = hyperparameter(0.025, non_negative)
    beta1: float = hyperparameter(0.95, in_range(0, 1, right_open=True))

    @staticmethod
    def rule(weight, grad, previous, *, inner, updates, gamma, beta1):
        corrected = grad + gamma * beta1 / (1 - beta1) * (grad - previous)
        corrected = corrected / np.maximum(norm(corrected), 1)
        return inner(weight, np.where(updates == 0, grad, corrected)), grad, updates + 1
