"""A preconditioner for each axis, fitted to the gradients."""

import math

import numpy as np
from mxcore_matrices import multiplied, normal, working_dtype

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, optional, positive, random
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index, Optimizer
from mxcore_optimizer_kron.factors import followed

__all__ = ["Kron"]


@hyperparameters
class Kron(Optimizer):
    r"""PSGD-Kron: a triangular matrix for each axis, fitted so that preconditioned gradients are like white noise.

    For a matrix, with normal noise V,

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        m &\leftarrow momentum \cdot m + (1 - momentum) \cdot G \\
        \hat m &= m / (1 - momentum^t) \\
        A &= Q_0 \hat m Q_1^T \\
        B &= Q_0^{-T} V Q_1^{-1} \\
        E &= \frac{\mathrm{triu}(A A^T - B B^T)}{\lVert A A^T + B B^T \rVert} \\
        Q_0 &\leftarrow Q_0 - precondition\_lr \cdot E Q_0 \\
        P &= Q_0^T Q_0 \hat m Q_1^T Q_1 \\
        u &= \min(1, 1.1 / \mathrm{rms}(P)) \cdot P \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot u

    and alike for each axis of any weight, with :math:`A^T A` and :math:`B^T B` for :math:`Q_1`. Vectors, and axes of
    more than ``max_size_triangular``, have diagonal Q. Each Q starts as the identity, and all of a weight are kept
    equally large, which does not change P. They follow in an update with the probability ``update_probability``, by
    default :math:`\max(0.03, \min(1, e^{-0.001 (t - 500)}))`. Noise and choice depend only on the seed, the parameter's
    name (or its index, if it has none) and t, so a run can be repeated bit for bit.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.ones(2), mx.optimizer.get_updater(mx.optimizer.Kron(0.02))
    >>> for _ in range(200):
    ...     update(0, np.array([1.0, 0.01]) * weight, weight)  # of weight² · (0.5, 0.005)
    >>> bool(abs(weight).max() < 0.1)  # the same learning rate suits both
    True

    Args:
        learning_rate: the learning rate, at least 0; about a third of Adam's.
        momentum: the decay of the mean gradient, in [0, 1).
        precondition_lr: how fast Q follows, in (0, 1).
        update_probability: how probable it is that Q follows in an update, in [0, 1]; it may be a schedule.
        max_size_triangular: the length up to which an axis has a triangular Q, at least 0.
        initial_scale: the factor on the first preconditioner; above 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m``, with the shape of the weight, and for each axis of length d ``Q_0``, … of shape (d, d) or (d,), all
    with the weight's dtype.

    When to use it: matrices of up to some thousands of rows, for which SOAP needs twice as much memory. When not: large
    layers, or little memory: it keeps a matrix for each axis.

    References:
        X.-L. Li, "Preconditioned Stochastic Gradient Descent", 2015, https://arxiv.org/abs/1512.04202; O. Pooladzandi
        and X.-L. Li, "Curvature-Informed SGD via General Purpose Lie-Group Preconditioners", 2024,
        https://arxiv.org/abs/2402.04553

    Differs from MXNet 1.9.1: MXNet has no Kron. This is the rule of pytorch_optimizer, which counts instead of drawing
    when Q follows, balances it at random, and decays no vectors. Momentum that is 0 leaves Q as it is.
    """

    family = "matrix"
    default_learning_rate = 0.001
    slots = ("m", "Q_0", "Q_1")
    elementwise = False
    momentum: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    precondition_lr: float = hyperparameter(0.1, in_range(0, 1, left_open=True, right_open=True))
    update_probability: float | None = hyperparameter(None, optional(in_range(0, 1)))
    max_size_triangular: int = hyperparameter(8192, integer(at_least=0))
    initial_scale: float = hyperparameter(1.0, positive)
    wd: float = hyperparameter(0.0, non_negative, kw_only=True)

    def create_state(self, index: Index, weight: Array) -> tuple[Array, ...]:
        xp, longest = backend_of(weight).xp, self.max_size_triangular if weight.ndim > 1 else 0
        scale = self.initial_scale ** (1 / max(weight.ndim, 1))
        ones = [xp.ones(length, weight.dtype) * weight.dtype.type(scale) for length in weight.shape or (1,)]
        factors = [xp.diag(one) if 1 < len(one) <= longest else one for one in ones]
        return (backend_of(weight).full_like(weight, 0.0), *factors)

    def update(self, index: Index, weight: Array, grad: Array, state: tuple[Array, ...]) -> None:
        numbers = self.settings_of(index)
        self._update_count(index)
        if not weight.size:
            return
        t, key = self._index_update_count[index], ("kron", self.idx2name.get(index, index))
        m, work = state[0], working_dtype(weight.dtype)
        m *= numbers["momentum"]
        m += (1 - numbers["momentum"]) * self.preprocessed(grad)
        mean = np.atleast_1d(m).astype(work) / (1 - numbers["momentum"] ** t)
        factors = {axis: q.astype(work, copy=False) for axis, q in enumerate(state[1:])}
        probability = numbers.get("update_probability", max(0.03, min(1, math.exp(-0.001 * (t - 500)))))
        if random.generator(*key, "choice", t).uniform() < probability:
            rate = numbers["precondition_lr"]
            factors = followed(factors, mean, normal(mean.shape, mean, *key, "noise", t), rate)
            for axis, q in factors.items():
                state[1 + axis][...] = q
        step = multiplied(multiplied(mean, factors), factors, transposed=True)
        step *= self._get_lr(index) * np.minimum(1.1 / (np.sqrt((step * step).mean()) + 1e-6), 1)
        weight *= 1 - self._get_lr(index) * self._get_wd(index)
        weight -= step.reshape(weight.shape)
