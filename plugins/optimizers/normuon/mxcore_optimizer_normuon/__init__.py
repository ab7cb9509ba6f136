"""NorMuon, for mxcore."""

from typing import Any

import numpy as np
from mxcore_optimizer_muon import Muon

from mxcore import hyperparameter, hyperparameters, in_range
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index

__all__ = ["NorMuon"]


@hyperparameters
class NorMuon(Muon):
    r"""NorMuon: Muon whose rows, one for each neuron, take steps of about the same size.

    For a matrix with r rows and k columns, X is the orthogonalized momentum of Muon, and

    .. math::

        v &\leftarrow \beta_2 \cdot v + (1 - \beta_2) \cdot \mathrm{mean}_{columns}(X^2) \\
        Y &= X / (\sqrt{v} + \epsilon) \\
        u &= scale \cdot Y / \lVert Y \rVert \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot u

    The scale is :math:`\lVert X \rVert \sqrt{\max(1, r / k)}` for "original", as large as that of Muon, :math:`0.2
    \sqrt{r k}` for "match_rms_adamw", whose steps are as large as AdamW's, and :math:`\lVert X \rVert \sqrt{r / k}` for
    "spectral_unclamped". All that is no matrix is updated as by :class:`~mxcore.optimizer.Muon`.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.zeros((2, 2)), mx.optimizer.get_updater(mx.optimizer.NorMuon(0.1, wd=0.0))
    >>> update(0, np.array([[3.0, 4.0], [0.3, 0.4]]), weight)
    >>> weight.round(4)  # Muon would move the first row ten times as far
    array([[-0.0295, -0.0394],
           [-0.0295, -0.0394]])

    Args:
        learning_rate: the learning rate, at least 0.
        beta2: the decay of v, in [0, 1).
        momentum: the decay of the mean gradient, in [0, 1).
        nesterov: whether to mix the gradient into the mean once more.
        scale_mode: "original", "match_rms_adamw" or "spectral_unclamped".
        wd: the weight decay of matrices.
        ns_steps: the number of iterations, at least 1.
        ns_coefficients: their three coefficients.
        epsilon: added to the root of v and to the norm, and Muon's lower bound on a norm; above 0.
        flatten: as for Muon.
        exclude: as for Muon.
        adam_learning_rate: as for Muon.
        adam_beta1: as for Muon.
        adam_beta2: as for Muon.
        adam_epsilon: as for Muon.
        adam_wd: as for Muon.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m``, with the shape and dtype of the weight, and ``v``, of shape (r, 1); the mean and variance of AdamW for
    the others.

    When to use it: instead of Muon, for one number more for each row. When not: matrices whose rows are no neurons.

    References:
        Z. Li et al., "NorMuon: Making Muon more efficient and scalable", 2025, https://arxiv.org/abs/2510.05491

    Differs from MXNet 1.9.1: MXNet has no NorMuon. This is the rule of pytorch_optimizer, but iterates in float32, or
    float64 for such weights. "original" is what the authors' program does, "match_rms_adamw" their paper.
    """

    default_learning_rate = 0.001
    slots = ("m", "v")
    conventions = {}
    beta2: float = hyperparameter(0.95, in_range(0, 1, right_open=True))

    def create_state(self, index: Index, weight: Array) -> Any:
        m, v = super().create_state(index, weight)
        zeros = backend_of(weight).xp.zeros_like
        return m, zeros(v, shape=(len(v), 1)) if self.is_matrix(index, weight) else v

    def step(self, x: Array, m: Array, v: Array) -> Array:
        scale = self.scale(x) * (min(x.shape) ** 0.5 if self.scale_mode == "match_rms_adamw" else np.linalg.norm(x))
        v *= self.beta2
        v += (1 - self.beta2) * (x * x).mean(1, keepdims=True)
        x /= np.sqrt(v.astype(x.dtype, copy=False)) + self.epsilon
        x *= scale / (np.linalg.norm(x) + self.epsilon)
        return x
