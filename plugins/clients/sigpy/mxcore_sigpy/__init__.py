"""Optimizers of mxcore as an algorithm of sigpy, for image reconstruction with NumPy or CuPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.backend import Array

with requires("sigpy>=0.1.27"):
    from sigpy import alg, backend

__all__ = ["Gradient"]

_NAME = "x"


class Gradient(alg.Alg):
    r"""Minimizes a function by any optimizer of mxcore, with its gradient, as an algorithm of sigpy.

    It updates ``x`` in place. The gradient of a real function of a complex ``x`` is that by the real part plus
    :math:`i` times that by the imaginary part, as everywhere in sigpy: for :math:`\frac12\|Ax-y\|^2` it is
    :math:`A^H(Ax-y)`.

    >>> import numpy as np, sigpy as sp, mxcore as mx
    >>> A = sp.linop.FFT((8,))
    >>> solution = np.exp(1j * np.arange(8))
    >>> y, x = A(solution), np.zeros(8, complex)
    >>> alg = mx.sigpy.Gradient(lambda x: A.H(A(x) - y), x, "adam", learning_rate=0.1, max_iter=300)
    >>> while not alg.done():
    ...     alg.update()
    >>> bool(np.allclose(x, solution, atol=1e-3))
    True

    Args:
        gradf: the gradient, as a function of ``x``.
        x: the array to optimize over, of NumPy or CuPy, real or complex.
        optimizer: the optimizer, or its name, such as ``"adam"`` or ``"average(adam)"``.
        proxg: after each update, ``x`` becomes ``proxg(learning_rate, x)``. With SGD that is the proximal gradient
            method. Adam and others that scale each element reach another point than the minimum, unless ``proxg``
            projects each element onto an interval.
        max_iter: the maximum number of iterations.
        tol: ends once ``resid``, the norm of the change of ``x`` divided by the learning rate, is at most that.
        arguments: hyper-parameters of the optimizer, by name; any may be a schedule.

    Attributes:
        x: the array.
        updater: the updater, whose state :func:`mxcore.save_state` saves.
        resid: the norm of the last change of ``x`` divided by the learning rate: for SGD, the norm of the gradient.
    """

    def __init__(
        self,
        gradf: Callable[[Array], Array],
        x: Array,
        optimizer: Any = "adam",
        proxg: Callable[[float, Array], Array] | None = None,
        max_iter: int = 100,
        tol: float = 0,
        **arguments: Any,
    ) -> None:
        created = mx.optimizer.create(optimizer, **arguments)
        created.set_names({_NAME: _NAME})
        self.gradf, self.x, self.proxg, self.tol = gradf, x, proxg, tol
        self.updater = mx.optimizer.get_updater(created)
        self.device = backend.get_device(x)
        self.resid = np.inf
        super().__init__(max_iter)

    def _update(self) -> None:
        with self.device:
            old, rate = self.x.copy(), self.updater.optimizer.settings_of(_NAME)["learning_rate"]
            self.updater(_NAME, self.gradf(self.x), self.x)
            if self.proxg is not None:
                backend.copyto(self.x, self.proxg(rate, self.x))
            change = float(self.device.xp.linalg.norm(self.x - old))
            self.resid = change / rate if rate else np.inf

    def _done(self) -> bool:
        return bool(super()._done() or self.resid <= self.tol)

    @property
    def evaluation(self) -> Array:
        """The result, copied, which is ``x``, or an average of it with optimizers such as ``"schedulefreesgd"``."""
        return self.updater.evaluation_weights([self.x], [_NAME])[0]
