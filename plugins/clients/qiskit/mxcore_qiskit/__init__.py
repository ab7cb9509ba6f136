"""Optimizers of mxcore for qiskit-algorithms: ``mx.qiskit.Optimizer``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.backend import Array
from mxcore.optimizer import Updater

with requires("qiskit-algorithms>=0.4"):
    from qiskit_algorithms import optimizers

__all__ = ["Optimizer"]

_logger = logging.getLogger(__name__)


class Optimizer(optimizers.Optimizer):
    """An optimizer for VQE, QAOA and the other algorithms that take one.

    >>> import mxcore as mx, numpy as np
    >>> optimizer = mx.qiskit.Optimizer("lion", maxiter=200, learning_rate=0.02)
    >>> found = optimizer.minimize(lambda x: (x - 1) @ (x - 1), [0, 3])
    >>> found.x.round(1), found.nit
    (array([1., 1.]), 200)

    Args:
        name: the name of an optimizer, such as ``"lookahead(adam, k=5)"``, or an optimizer: each minimization begins
            with a state of its own. Or an updater, with which every minimization goes on from the one before.
        maxiter: the number of steps, at most.
        tol: stop once no element of the gradient is greater.
        perturbation: how far finite differences go, if there is no gradient.
        callback: called after each step with the number of function evaluations, the parameters, the value and the norm
            of the gradient there. To stop, it raises StopIteration.
        hyperparameters: arguments of the optimizer, such as ``learning_rate``.

    Raises:
        TypeError, ValueError: the arguments are not those of the optimizer.
    """

    def __init__(
        self,
        name: Any = "adam",
        maxiter: int = 1000,
        tol: float = 1e-7,
        perturbation: float = 0.01,
        callback: Callable[[int, Array, float, float], Any] | None = None,
        **hyperparameters: Any,
    ) -> None:
        super().__init__()
        self.name, self.maxiter, self.tol, self.perturbation = name, maxiter, tol, perturbation
        self.callback, self.hyperparameters = callback, hyperparameters
        self._created()  # so that wrong arguments are reported here

    def get_support_level(self) -> dict[str, Any]:
        """Gradients are used if they are given, bounds are ignored, and an initial point is required."""
        level = optimizers.OptimizerSupportLevel
        return {"gradient": level.supported, "bounds": level.ignored, "initial_point": level.required}

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments with which to create the optimizer again."""
        own = ("name", "maxiter", "tol", "perturbation", "callback")
        return {name: getattr(self, name) for name in own} | self.hyperparameters

    def minimize(
        self,
        fun: Callable[..., Any],
        x0: Any,
        jac: Callable[..., Any] | None = None,
        bounds: list[tuple[float, float]] | None = None,
    ) -> Any:
        """Minimize a function.

        Args:
            fun: the function. Each step evaluates it once; without ``jac``, also once for each parameter.
            x0: where to begin.
            jac: its gradient; by default, that of finite differences, in batches of ``set_max_evals_grouped``.
            bounds: ignored.

        Returns:
            The ``OptimizerResult``. Its ``nfev`` counts evaluations for finite differences too, and ``njev`` calls of
            ``jac``.
        """
        counted = _Counted(fun, jac)

        def evaluate(x: Array) -> tuple[float, Array]:
            if jac is not None:
                return counted(x.copy()), counted.gradient(x.copy())
            counted.values.clear()
            gradient = self.gradient_num_diff(x.copy(), counted, self.perturbation, self._max_evals_grouped)
            return counted.values[0], gradient  # which it asks for first

        def after_step(run: Any) -> None:
            if self.callback is not None:
                self.callback(counted.nfev, run.x.copy(), run.fun, float(np.linalg.norm(run.jac)))

        point = np.array(x0, float)
        run = mx.minimize(evaluate, point, self._created(), steps=self.maxiter, gtol=self.tol, callback=after_step)
        _logger.info("%s, after %s steps", run.message, run.nit)
        result = optimizers.OptimizerResult()
        result.x, result.fun, result.jac = run.x, run.fun, run.jac
        result.nit, result.nfev, result.njev = run.nit, counted.nfev, counted.njev
        return result

    def _created(self) -> Any:
        """Return a new optimizer, or the updater that was given."""
        if not isinstance(self.name, Updater):
            return mx.optimizer.create(self.name, **self.hyperparameters)
        if self.hyperparameters:
            name = next(iter(self.hyperparameters))
            raise TypeError(f"an updater takes no {name!r}: assign it to updater.optimizer")
        return self.name


class _Counted:
    """A function, of one or more points, and its gradient, which count how often they are evaluated."""

    def __init__(self, fun: Callable[..., Any], jac: Callable[..., Any] | None) -> None:
        self._fun, self._jac = fun, jac
        self.nfev = self.njev = 0
        self.values: list[Any] = []

    def __call__(self, points: Array) -> Any:
        found = np.asarray(self._fun(points), float)
        self.nfev += found.size
        self.values.append(float(found.item()) if found.size == 1 else found)
        return self.values[-1]

    def gradient(self, point: Array) -> Any:
        assert self._jac is not None
        self.njev += 1
        return self._jac(point)
