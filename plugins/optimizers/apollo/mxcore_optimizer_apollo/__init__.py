"""APOLLO, for mxcore."""

import math

import numpy as np
from mxcore_matrices import normal, working_dtype

from mxcore import boolean, hyperparameter, hyperparameters, in_range, integer, one_of, positive
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index, Optimizer

__all__ = ["APOLLO"]


@hyperparameters
class APOLLO(Optimizer):
    r"""APOLLO: SGD whose learning rate for each row or column is estimated from what Adam does in few dimensions.

    For a matrix with d rows and at least as many columns, and alike for the transpose of one with fewer,

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        R &= P G \\
        m &\leftarrow \beta_1 \cdot m + (1 - \beta_1) \cdot R \\
        v &\leftarrow \beta_2 \cdot v + (1 - \beta_2) \cdot R^2 \\
        u &= m / (\sqrt{v} + \epsilon) \\
        U_{:,j} &= \frac{\lVert u_{:,j} \rVert}{\lVert R_{:,j} \rVert} G_{:,j} \\
        U &\leftarrow \min(1, 1.01 \cdot norm / \lVert U \rVert) \cdot U \\
        norm &\leftarrow \lVert U \rVert \\
        s &= lr \cdot \sqrt{1 - \beta_2^t} / (1 - \beta_1^t) \\
        w &\leftarrow (1 - lr \cdot wd) \cdot (w - s \sqrt{scale} \cdot U)

    P has ``rank`` rows of d normal numbers of variance 1 / rank, drawn anew every ``update_gap`` updates. If d is at
    most the rank, R = G. With ``scale_type="tensor"`` there is one quotient of norms for the whole matrix. Other
    parameters step by u with R = G. P depends only on the seed, the parameter's name (or its index, if it has none) and
    its update count, so a run can be repeated bit for bit.

    >>> import numpy as np, mxcore as mx
    >>> mini = mx.optimizer.APOLLO(0.01, rank=1, scale_type="tensor", scale=128.0)  # APOLLO-Mini
    >>> weight, update = np.zeros((2, 2)), mx.optimizer.get_updater(mini)
    >>> update(0, np.array([[3.0, 0.0], [0.0, 0.3]]), weight)
    >>> float(round(weight[0, 0] / weight[1, 1], 2))  # as SGD, not as Adam
    10.0

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the mean square, in [0, 1).
        epsilon: added to the root of the mean square; above 0.
        rank: the number of rows of P, at least 1.
        scale: the square of the factor on the steps of matrices; above 0.
        scale_type: "channel" or "tensor".
        update_gap: the number of updates with the same P, at least 1.
        correct_bias: whether to correct the moments for starting at 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: of a matrix with n columns ``m`` and ``v``, of shape (rank, n), ``norm``, of shape (1,), and ``P``, of shape
    (rank, d); of others ``m`` and ``v``, as the weight.

    When to use it: large language models, with hardly more memory than SGD. When not: small matrices.

    References:
        H. Zhu et al., "APOLLO: SGD-like Memory, AdamW-level Performance", 2024, https://arxiv.org/abs/2412.05270

    Differs from MXNet 1.9.1: MXNet has no APOLLO. This is the rule of its authors. pytorch_optimizer scales R instead
    of G and projects it back, which is the same without P. Here a norm of 0 bounds nothing.
    """

    family = "matrix"
    default_learning_rate = 0.01
    slots = ("m", "v", "norm", "P")
    elementwise = False
    examples = ({"rank": 2},)
    expected_failures = {"slots_are_named_and_used": {"rank": "matrices with no more rows have no P"}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-6, positive)
    rank: int = hyperparameter(256, integer(at_least=1))
    scale: float = hyperparameter(1.0, positive)
    scale_type: str = hyperparameter("channel", one_of("channel", "tensor"))
    update_gap: int = hyperparameter(200, integer(at_least=1))
    correct_bias: bool = hyperparameter(True, boolean)

    def create_state(self, index: Index, weight: Array) -> tuple[Array, ...]:
        low, high = sorted(weight.shape) if weight.ndim == 2 else (0, 0)
        shapes = [(self.rank, high), (self.rank, high), (1,), (self.rank, low)]
        if low <= self.rank:  # without P
            shapes = [weight.shape, weight.shape] if weight.ndim != 2 else [(low, high), (low, high), (1,)]
        return tuple(backend_of(weight).xp.zeros(shape, weight.dtype) for shape in shapes)

    def update(self, index: Index, weight: Array, grad: Array, state: tuple[Array, ...]) -> None:
        self._update_count(index)
        if not weight.size:
            return
        t, (m, v, *rest) = self._index_update_count[index], state
        g = self.preprocessed(grad.astype(working_dtype(weight.dtype), copy=False))
        is_turned = weight.ndim == 2 and weight.shape[0] >= weight.shape[1]
        g = g.T if is_turned else g
        r = self._projected(index, g, *rest[1:])
        step = np.empty_like(r)  # an array even without axes
        np.multiply(1 - self.beta1, r, out=step)
        m *= self.beta1
        m += step
        np.multiply(1 - self.beta2, r, out=step)
        step *= r
        v *= self.beta2
        v += step
        np.sqrt(v.astype(g.dtype, copy=False), out=step)
        step += self.epsilon
        np.divide(m.astype(g.dtype, copy=False), step, out=step)
        if weight.ndim == 2:
            step = self._scaled(g, r, step, rest[0])
        lr, wd = self._get_lr(index), self._get_wd(index)
        step *= lr * (math.sqrt(1 - self.beta2**t) / (1 - self.beta1**t) if self.correct_bias else 1.0)
        weight -= step.T if is_turned else step
        if wd:
            weight *= 1 - lr * wd

    def _projected(self, index: Index, g: Array, *p: Array) -> Array:
        """Return what is left of a gradient in few dimensions."""
        if not p:
            return g
        n, name = self._index_update_count[index] - self.begin_num_update - 1, self.idx2name.get(index, index)
        if n % self.update_gap == 0:
            p[0][...] = normal(p[0].shape, g, "apollo", name, n) / math.sqrt(len(p[0]))
        return p[0].astype(g.dtype, copy=False) @ g

    def _scaled(self, g: Array, r: Array, u: Array, norm: Array) -> Array:
        """Return a gradient scaled as in few dimensions, with a norm that grows slowly."""
        axis = 0 if self.scale_type == "channel" else None
        step = g * (np.linalg.norm(u, axis=axis) / (np.linalg.norm(r, axis=axis) + 1e-8))
        now, before = np.linalg.norm(step), norm.astype(g.dtype, copy=False)
        growth = np.where(before > 0, np.maximum(now / (before + 1e-8), 1.01) / 1.01, 1)
        norm[...] = now / growth
        step *= math.sqrt(self.scale) / growth
        return step
