"""AdaMuon, for mxcore."""

import numpy as np
from mxcore_optimizer_muon import Muon

from mxcore import boolean, hyperparameter, hyperparameters, in_range, one_of
from mxcore.backend import Array

__all__ = ["AdaMuon"]


@hyperparameters
class AdaMuon(Muon):
    r"""AdaMuon: Muon whose elements are divided by their root mean square, as Adam's are.

    For a matrix with r rows and k columns, m is the momentum of Muon,

    .. math::

        X &= \mathrm{orthogonalized}(\mathrm{sign}(m)) \\
        v &\leftarrow \beta_2 \cdot v + (1 - \beta_2) \cdot X^2 \\
        Y &= X / (\sqrt{v} + \epsilon) \\
        u &= scale \cdot Y / \lVert Y \rVert \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot u

    Without ``sign``, m itself is orthogonalized. The scale is :math:`0.2 \sqrt{r k}` for "match_rms_adamw", whose steps
    are as large as AdamW's, and :math:`\sqrt{r}` for "original", as large as those of Muon. All that is no matrix is
    updated as by :class:`~mxcore.optimizer.Muon`.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.zeros((2, 2)), mx.optimizer.get_updater(mx.optimizer.AdaMuon(0.1, wd=0.0))
    >>> update(0, np.array([[3.0, 4.0], [0.3, -0.4]]), weight)
    >>> weight.round(4)  # at first, all elements are as large
    array([[-0.02, -0.02],
           [-0.02,  0.02]])

    Args:
        learning_rate: the learning rate, at least 0.
        beta2: the decay of v, in [0, 1).
        sign: whether to orthogonalize the signs of the momentum, which rare large gradients don't disturb.
        momentum: the decay of the mean gradient, in [0, 1).
        nesterov: whether to mix the gradient into the mean once more.
        scale_mode: "original" or "match_rms_adamw".
        epsilon: added to the root of v and to the norm, and Muon's lower bound on a norm; above 0.
        wd: the weight decay of matrices.
        ns_steps: the number of iterations, at least 1.
        ns_coefficients: their three coefficients.
        flatten: as for Muon.
        exclude: as for Muon.
        adam_learning_rate: as for Muon.
        adam_beta1: as for Muon.
        adam_beta2: as for Muon.
        adam_epsilon: as for Muon.
        adam_wd: as for Muon.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m`` and ``v``, with the shape and dtype of the weight; the mean and variance of AdamW for the others.

    When to use it: instead of Muon with AdamW's learning rate, where AdamW's memory is there. When not: little memory:
    Muon keeps half of it for matrices.

    References:
        C. Si, D. Zhang and W. Shen, "AdaMuon: Adaptive Muon Optimizer", 2025, https://arxiv.org/abs/2507.11005

    Differs from MXNet 1.9.1: MXNet has no AdaMuon. This is the rule of the paper, iterated in float32, or float64 for
    such weights. Without ``sign``, it is that of pytorch_optimizer, whose bias correction of v cancels in Y / ‖Y‖.
    """

    default_learning_rate = 0.001
    slots = ("m", "v")
    conventions = {}
    beta2: float = hyperparameter(0.95, in_range(0, 1, right_open=True))
    sign: bool = hyperparameter(True, boolean)
    nesterov: bool = hyperparameter(False, boolean)
    scale_mode: str = hyperparameter("match_rms_adamw", one_of("original", "match_rms_adamw"))

    def direction(self, grad: Array, m: Array, *_: Array) -> Array:
        u = super().direction(grad, m)
        return np.sign(u) if self.sign else u

    def step(self, x: Array, m: Array, v: Array) -> Array:
        size = self.scale(x) * min(x.shape) ** 0.5
        x = x.reshape(v.shape)
        v *= self.beta2
        v += (1 - self.beta2) * x * x
        x /= np.sqrt(v.astype(x.dtype, copy=False)) + self.epsilon
        x *= size / (np.linalg.norm(x) + self.epsilon)
        return x
