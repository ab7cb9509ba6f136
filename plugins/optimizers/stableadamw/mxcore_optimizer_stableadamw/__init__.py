"""StableAdamW, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, mean, non_negative, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["StableAdamW"]


@hyperparameters
class StableAdamW(Optimizer):
    r"""StableAdamW: AdamW with a smaller rate for a parameter whose gradient its second moment did not expect.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        b_i &= \beta_i \frac{1 - \beta_i^{t - 1}}{1 - \beta_i^t} \\
        first &\leftarrow b_1 \cdot first + (1 - b_1) \cdot G \\
        second &\leftarrow b_2 \cdot second + (1 - b_2) \cdot G^2 \\
        rms &= \sqrt{\mathrm{mean} \left( G^2 / \max(second, \epsilon^2) \right)} \\
        rate &= lr / \max(1, rms) \\
        w &\leftarrow (1 - rate \cdot wd) \cdot w \\
            &\quad - rate \cdot \frac{first}{\sqrt{second} + \epsilon}

    with t = 1, 2, … the update count of this parameter. The mean goes over all its elements. The decays
    :math:`b_i` grow from 0 to :math:`\beta_i`, so the moments need no correction.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros(2)
    >>> update = mx.optimizer.get_updater(mx.optimizer.StableAdamW(0.1, wd=0.0))
    >>> update(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([-0.1,  0.1])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the first moment, in [0, 1).
        beta2: the decay of the second moment, in [0, 1).
        epsilon: added to the root of the second moment, and in ``rms`` the lower bound on it; at least 0.
        wd: the weight decay.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``first`` and ``second``, with the shape and dtype of the weight.

    When to use it: transformers whose loss jumps now and then, instead of bounding the norm of all gradients. When not:
    stable training, where it is AdamW and costs another pass over the gradients.

    References:
        M. Wortsman et al., "Stable and Low-Precision Training for Large-Scale Vision-Language Models", 2023,
        https://arxiv.org/abs/2304.13013

    Differs from MXNet 1.9.1: MXNet has no StableAdamW. This is the rule of the paper and of pytorch_optimizer. In place
    of its Kahan sums there is ``multi_precision``.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "own"
    slots = ("first", "second")
    elementwise = False
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.99, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    wd: float = hyperparameter(0.01, non_negative, kw_only=True)

    @staticmethod
    def rule(weight, grad, first, second, *, lr, wd, t, beta1, beta2, epsilon):
        b1, b2 = (beta * (1 - beta ** (t - 1)) / (1 - beta**t) for beta in (beta1, beta2))
        first = b1 * first + (1 - b1) * grad
        second = b2 * second + (1 - b2) * grad * grad
        root = np.sqrt(second)
        surprise = grad / np.maximum(root, epsilon)
        rate = lr / np.maximum(1, np.sqrt(mean(surprise * surprise)))
        return weight - rate * (wd * weight + first / (root + epsilon)), first, second
