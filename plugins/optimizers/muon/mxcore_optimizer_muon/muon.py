"""Muon for matrices, and AdamW for all other parameters."""

import math
from typing import ClassVar

from mxcore import boolean, hyperparameter, hyperparameters, in_range, non_negative, one_of
from mxcore.backend import Array
from mxcore_optimizer_muon.others import WithAdamW

__all__ = ["Muon"]


@hyperparameters
class Muon(WithAdamW):
    r"""Muon: momentum whose singular values are all set to about 1, for matrices, and AdamW for the rest.

    For a matrix with r rows and k columns,

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        m &\leftarrow momentum \cdot m + (1 - momentum) \cdot G \\
        u &= momentum \cdot m + (1 - momentum) \cdot G \\
        X &= u / \max(\lVert u \rVert, \epsilon) \\
        X &\leftarrow a X + (b S + c S^2) X, \quad S = X X^T \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot scale \cdot X

    where the last line but one is repeated ``ns_steps`` times, with (a, b, c) = ``ns_coefficients``, and on the
    transpose if r > k. Without ``nesterov``, u = m. The scale is :math:`\sqrt{\max(1, r / k)}` for "original",
    :math:`0.2 \cdot \sqrt{\max(r, k)}` for "match_rms_adamw", whose steps are as large as AdamW's, and :math:`\sqrt{r /
    k}` for "spectral_unclamped". Matrices of equal shape in one call are multiplied together.

    Parameters with one axis, or more than two, and those that ``exclude`` names, are updated by AdamW with the
    ``adam_…`` values. The authors do so also for embeddings and the last layer.

    >>> import numpy as np, mxcore as mx
    >>> muon = mx.optimizer.create("muon", learning_rate=0.1, wd=0.0, adam_learning_rate=0.01, exclude=["head_"])
    >>> weight, bias = np.zeros((2, 2)), np.zeros(2)
    >>> update = mx.optimizer.get_updater(muon)
    >>> update(["fc_weight", "fc_bias"], [np.array([[3.0, 0.0], [0.0, 0.1]]), np.array([3.0, 0.1])], [weight, bias])
    >>> weight.round(2), bias.round(2)
    (array([[-0.07,  0.  ],
           [ 0.  , -0.11]]), array([-0.01, -0.01]))

    Args:
        learning_rate: the learning rate, at least 0.
        momentum: the decay of the mean gradient, in [0, 1).
        nesterov: whether to mix the gradient into the mean once more.
        ns_steps: the number of iterations, at least 1.
        ns_coefficients: their three coefficients.
        epsilon: the lower bound on the norm by which u is divided; above 0.
        scale_mode: "original", "match_rms_adamw" or "spectral_unclamped".
        flatten: whether weights with more than two axes, such as convolution kernels, count as matrices with a row for
            each index of the first.
        exclude: patterns of names as in ``groups``, for matrices that AdamW updates.
        adam_learning_rate: the learning rate of the others, scaled by a schedule like ``learning_rate``; None for the
            same. That of a group holds as it is.
        adam_beta1: as for AdamW.
        adam_beta2: as for AdamW.
        adam_epsilon: as for AdamW.
        adam_wd: the weight decay of the others, unless their group has one.
        wd: the weight decay of matrices.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m``, with the shape and dtype of the weight; the mean and variance of AdamW for the others.

    When to use it: the matrices of hidden layers of large networks, in fewer steps than AdamW and half of its memory.
    When not: embeddings and output layers, which ``exclude`` leaves to AdamW, or models of vectors and few small
    matrices.

    References:
        K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon/; J. Liu et al., "Muon is Scalable for LLM Training", 2025,
        https://arxiv.org/abs/2502.16982 ("match_rms_adamw"); J. Bernstein, "Deriving Muon", 2025,
        https://jeremybernste.in/writing/deriving-muon ("spectral_unclamped")

    Differs from MXNet 1.9.1: MXNet has no Muon. This is the rule of torch, which leaves the others to you, but iterates
    in float32, or float64 for such weights, instead of bfloat16. optax corrects the bias of the momentum.
    """

    default_learning_rate = 0.001
    slots: ClassVar[tuple[str, ...]] = ("m",)
    conventions = {
        "torch": "it iterates in bfloat16",
        "optax": "its momentum is corrected for bias",
        "keras": "Adam's epsilon is added before the bias correction",
    }
    momentum: float = hyperparameter(0.95, in_range(0, 1, right_open=True))
    nesterov: bool = hyperparameter(True, boolean)
    scale_mode: str = hyperparameter("original", one_of("original", "match_rms_adamw", "spectral_unclamped"))
    wd: float = hyperparameter(0.1, non_negative, kw_only=True)

    def direction(self, grad: Array, m: Array, *_: Array) -> Array:
        new = (1 - self.momentum) * grad
        m *= self.momentum
        m += new
        return self.momentum * m + new if self.nesterov else m

    def step(self, x: Array, *_: Array) -> Array:
        x *= self.scale(x)
        return x

    def scale(self, x: Array) -> float:
        """Return the factor on an orthogonalized matrix."""
        rows, columns = map(int, x.shape)
        if self.scale_mode == "match_rms_adamw":
            return 0.2 * math.sqrt(max(rows, columns))
        return math.sqrt(max(1, rows / columns) if self.scale_mode == "original" else rows / columns)
