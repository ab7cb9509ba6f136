"""Orthogonal initialization, for mxcore."""

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from mxcore import hyperparameter, hyperparameters, non_negative, one_of
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Orthogonal"]


@hyperparameters
class Orthogonal(Initializer):
    r"""Weights that keep lengths and angles: a matrix with orthogonal rows or columns, whichever are fewer.

    A weight of shape (out, k1, k2, …) is treated as a matrix :math:`W` of :math:`out` rows and :math:`k_1 k_2 \cdots`
    columns. A matrix :math:`A` of that size, transposed if it is wider than tall, is drawn and factorised,

    .. math::

        A = Q R, \qquad W = scale \cdot Q \operatorname{sign}(\operatorname{diag} R)

    so that :math:`W^T W = scale^2 I` (:math:`W W^T`, if wide). The signs make the factorisation unique, and with
    ``"normal"``, :math:`Q` is uniformly distributed over all such matrices (Haar measure).

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((3, 2, 2))
    >>> mx.init.Orthogonal(scale=2)("conv_weight", weight)
    >>> rows = weight.reshape(3, 4)
    >>> bool(np.allclose(rows @ rows.T, 4 * np.eye(3)))
    True

    Arrays need at least two axes and may have any floating or complex dtype; a complex matrix is unitary. Everything is
    computed in double precision, on one thread of the linear algebra library, since its last bits depend on the number
    of threads.

    Args:
        scale: the norm of the rows or columns. The default, about :math:`\sqrt 2`, suits ReLUs.
        rand_type: the distribution of :math:`A`: ``"uniform"``, :math:`U(-1, 1)`, or ``"normal"``, :math:`N(0, 1)`.

    Raises:
        ValueError: the array has fewer than two axes.

    When to use it: recurrent networks and deep linear ones, whose signals should keep their length. When not: very
    large matrices: it factorizes them.

    References:
        A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
        linear neural networks", ICLR 2014, https://arxiv.org/abs/1312.6120;
        F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54
        (2007), https://arxiv.org/abs/math-ph/0609050

    Differs from MXNet 1.9.1: a QR factorisation, which is faster and unique, replaces the singular value decomposition;
    an invalid ``rand_type`` and a vector are ValueErrors (there, an UnboundLocalError and a failure in the
    decomposition).
    """

    family = "orthogonal"
    examples = ({}, {"scale": 1.0, "rand_type": "normal"})

    scale: float = hyperparameter(1.414, non_negative)
    rand_type: str = hyperparameter("uniform", one_of("uniform", "normal"))

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs at least two axes: {str(desc)!r} has shape {shape}")
        size = (shape[0], math.prod(shape[1:]))
        uniform = self.rand_type == "uniform"
        dtype = np.complex128 if rng.dtype.kind == "c" else np.float64
        drawn = rng.uniform(-1, 1, size, dtype) if uniform else rng.normal(0, 1, size, dtype)
        rows, columns = size
        basis = _orthonormal_columns(drawn) if rows >= columns else _orthonormal_columns(drawn.T).T
        return self.scale * basis.reshape(shape)

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return 0.0, self.scale / max(shape[0], math.prod(shape[1:])) ** 0.5


def _orthonormal_columns(matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    with _threads().limit(limits=1, user_api="blas"):
        q, r = np.linalg.qr(matrix)
    diagonal = np.diag(r)
    size = np.abs(diagonal)
    return q * np.where(size > 0, diagonal / np.where(size > 0, size, 1), 1)


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()
