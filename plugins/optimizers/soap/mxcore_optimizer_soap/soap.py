"""Adam in the eigenbasis of the gradients' covariance."""

import numpy as np
from mxcore_matrices import gram, multiplied, within_range, working_dtype

from mxcore import boolean, hyperparameter, hyperparameters, in_range, integer, non_negative, optional, positive
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index, Optimizer
from mxcore_optimizer_soap.basis import eigenvectors, followed

__all__ = ["SOAP"]


@hyperparameters
class SOAP(Optimizer):
    r"""SOAP: Adam in a basis in which the elements of a gradient are nearly uncorrelated.

    For a matrix, where n = 1, 2, … counts the updates after the first, which only determines the basis:

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        m &\leftarrow \beta_1 \cdot m + (1 - \beta_1) \cdot G \\
        v &\leftarrow \beta_2 \cdot v + (1 - \beta_2) \cdot (Q_0^T G Q_1)^2 \\
        u &= Q_0 \frac{Q_0^T m \, Q_1}{\sqrt{v} + \epsilon} Q_1^T \\
        s &= lr \cdot \sqrt{1 - \beta_2^n} / (1 - \beta_1^n) \\
        w &\leftarrow (1 - lr \cdot wd) \cdot (w - s \cdot u) \\
        GG_0 &\leftarrow \beta_s \cdot GG_0 + (1 - \beta_s) \cdot G G^T \\
        GG_1 &\leftarrow \beta_s \cdot GG_1 + (1 - \beta_s) \cdot G^T G

    and alike for each axis of any other weight. Without ``correct_bias``, s = lr. The columns of each Q are the
    eigenvectors of GG, by descending eigenvalue. Every ``precondition_frequency`` updates they follow it, by a power
    iteration and a QR decomposition. Axes of more than ``max_precondition_dim`` keep the basis that they have, and so
    do vectors, unless ``precondition_1d``: for these it is Adam.

    >>> import numpy as np, mxcore as mx
    >>> weight, grad = np.zeros((2, 2)), np.array([[3.0, 4.0], [3.0, 4.0]])
    >>> update = mx.optimizer.get_updater(mx.optimizer.SOAP(0.1, wd=0.0))
    >>> for _ in range(2):
    ...     update(0, grad, weight)
    >>> weight.round(4)  # Adam would move each element by 0.1
    array([[-0.0424, -0.0566],
           [-0.0424, -0.0566]])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        shampoo_beta: the decay of GG, in [0, 1), or None for beta2.
        epsilon: added to the root of the variance; above 0.
        precondition_frequency: the number of updates after which the basis follows, at least 1.
        max_precondition_dim: the length up to which an axis has a basis, at least 1.
        precondition_1d: whether vectors have a basis.
        correct_bias: whether to correct the moments for starting at 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m`` and ``v``, as the weight, and for each axis of length d with a basis ``GG_0`` … and ``Q_0`` …, (d, d).

    When to use it: matrices of up to some thousands of rows, where fewer updates are worth more time for each. When
    not: gradients that are cheap to compute, large layers, or little memory: it keeps two more matrices for each axis.

    References:
        N. Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024, https://arxiv.org/abs/2409.11321

    Differs from MXNet 1.9.1: MXNet has no SOAP. This is the rule of pytorch_optimizer and its authors, which decay
    weights after the step.
    """

    family = "matrix"
    default_learning_rate = 0.003
    slots = ("m", "v", "GG_0", "GG_1", "Q_0", "Q_1")
    elementwise = False
    beta1: float = hyperparameter(0.95, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.95, in_range(0, 1, right_open=True))
    shampoo_beta: float | None = hyperparameter(None, optional(in_range(0, 1, right_open=True)))
    epsilon: float = hyperparameter(1e-8, positive)
    precondition_frequency: int = hyperparameter(10, integer(at_least=1))
    max_precondition_dim: int = hyperparameter(10000, integer(at_least=1))
    precondition_1d: bool = hyperparameter(False, boolean)
    correct_bias: bool = hyperparameter(True, boolean)
    wd: float = hyperparameter(0.01, non_negative, kw_only=True)

    def _axes(self, weight: Array) -> list[int]:
        """Return the axes that have a basis."""
        longest = self.max_precondition_dim if weight.ndim > 1 or self.precondition_1d else -1
        return [axis for axis, length in enumerate(weight.shape) if length <= longest]

    def create_state(self, index: Index, weight: Array) -> tuple[Array, ...]:
        backend, lengths = backend_of(weight), [weight.shape[axis] for axis in self._axes(weight)]
        like = [weight, weight, *(backend.xp.empty((length, length), weight.dtype) for length in (*lengths, *lengths))]
        return tuple(backend.full_like(array, 0.0) for array in like)

    def update(self, index: Index, weight: Array, grad: Array, state: tuple[Array, ...]) -> None:
        self._update_count(index)
        if not weight.size:
            return
        n = self._index_update_count[index] - self.begin_num_update - 1
        work = working_dtype(weight.dtype)
        (m, v, *matrices), axes = state, self._axes(weight)
        products, bases = (dict(zip(axes, part, strict=False)) for part in (matrices, matrices[len(axes) :]))
        grad = self.preprocessed(grad.astype(work, copy=False))
        if n:
            wide = {axis: basis.astype(work, copy=False) for axis, basis in bases.items()}
            m *= self.beta1
            m += (1 - self.beta1) * grad
            v *= self.beta2
            v += (1 - self.beta2) * multiplied(grad, wide, transposed=True) ** 2
            rotated = multiplied(m.astype(work, copy=False), wide, transposed=True)
            step = multiplied(rotated / (np.sqrt(v.astype(work, copy=False)) + self.epsilon), wide)
            lr, wd = self._get_lr(index), self._get_wd(index)
            correction = (1 - self.beta2**n) ** 0.5 / (1 - self.beta1**n) if self.correct_bias else 1.0
            weight -= lr * correction * step
            if wd:
                weight *= 1 - lr * wd
        beta = self.beta2 if self.shampoo_beta is None else self.shampoo_beta
        bounded = within_range(grad, m.dtype)
        for axis, product in products.items():
            product *= beta
            product += (1 - beta) * gram(bounded, axis)
            if n % self.precondition_frequency == 0:
                self._follow(n, v, product.astype(work, copy=False), bases[axis], axis)

    def _follow(self, n: int, v: Array, product: Array, basis: Array, axis: int) -> None:
        """Let the basis of an axis follow the products."""
        if n:
            basis[...], order = followed(product, basis.astype(product.dtype, copy=False))
            v[...] = v.take(order, axis)
        else:
            basis[...] = eigenvectors(product)
