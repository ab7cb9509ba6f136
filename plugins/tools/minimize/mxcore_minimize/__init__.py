"""Minimize a function with any optimizer, as ``scipy.optimize.minimize`` does: ``mx.minimize``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

import mxcore as mx
from mxcore.backend import backend_of
from mxcore.nested import by_path
from mxcore.optimizer import Updater

__all__ = ["Result", "minimize"]


@attrs.frozen(eq=False)
class Result:
    """What a minimization has found; a callback gets one after every step.

    >>> import numpy as np, mxcore as mx
    >>> mx.minimize(lambda x: (x @ x, 2 * x), np.ones(1), "sgd", learning_rate=0.5, steps=1)
    Result(x=array([0.]), fun=0.0, nit=1, nfev=2, success=True, message='all steps were taken')

    Args:
        x: the variables, in containers like those of ``x0``.
        fun: the value of the function there.
        jac: its gradient there.
        nit: how many steps were taken.
        nfev: how many times the function was called.
        success: whether it ended as requested.
        message: why it ended.
        values: the value before each step.
        updater: the updater, with which to save the state or to go on.
    """

    x: Any
    fun: float
    jac: Any = attrs.field(repr=False)
    nit: int
    nfev: int
    success: bool
    message: str
    values: npt.NDArray[np.float64] = attrs.field(repr=False)
    updater: Updater[Any] = attrs.field(repr=False)


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    optimizer: Any = "adam",
    *,
    jac: Callable[..., Any] | bool = True,
    args: tuple[Any, ...] = (),
    steps: int = 1000,
    gtol: float = 0.0,
    callback: Callable[[Result], Any] | None = None,
    **hyperparameters: Any,
) -> Result:
    """Minimize a function of one or more arrays.

    >>> import numpy as np, mxcore as mx
    >>> target = np.array([3.0, -1.0])
    >>> result = mx.minimize(
    ...     lambda x: ((x - target) @ (x - target), 2 * (x - target)), np.zeros(2), "sgd", learning_rate=0.25, gtol=1e-9
    ... )
    >>> result.x.round(6), result.nit, result.message
    (array([ 3., -1.]), 33, 'the gradient is within gtol')

    ``"lbfgs"`` searches along each step, and needs few of them if the function is smooth and deterministic. It ends
    where it finds no lower value.

    Args:
        fun: ``fun(x, *args)`` returns the value and, unless ``jac`` is a function, also the gradient: a pair.
        x0: where to begin: an array, numbers, or arrays in nested dicts and lists. It is not changed.
        optimizer: the name of an optimizer, an optimizer, or the updater of an earlier result, to go on from there.
        jac: a function ``jac(x, *args)`` that returns the gradient, in containers like those of ``x0``; or True.
        args: further arguments of ``fun`` and ``jac``.
        steps: the number of steps, at most.
        gtol: stop once no element of the gradient is greater; 0 to take all steps.
        callback: called after every step with the :class:`Result` so far. To stop, it raises StopIteration.
        hyperparameters: arguments for the optimizer, such as ``learning_rate`` or ``lr_scheduler``.

    Returns:
        The result. Its ``x`` are the optimizer's evaluation weights if it has some, such as ``average``.

    Raises:
        TypeError: ``fun`` does not return a pair; gradients are no arrays, or of another dtype; or there are
            hyperparameters for an updater.
        ValueError: ``steps`` or ``gtol`` is negative, or gradients have other shapes or containers than ``x0``.
    """
    if not isinstance(steps, int) or steps < 0:
        raise ValueError(f"steps must be an integer of at least 0, got {steps!r}")
    if not gtol >= 0:
        raise ValueError(f"gtol must be at least 0, got {gtol!r}")
    x = _copied(x0)
    run = _Run(fun, jac, args, _updater(optimizer, hyperparameters))
    values: list[float] = []
    value, grad = run.evaluate(x)
    while (end := run.end(value, grad, gtol)) is None and len(values) < steps:
        found = run.stepped(x, value, grad)
        if found is None:
            end = gtol == 0, "no lower value was found"
            break
        values.append(value)
        value, grad = found
        if callback is not None:
            try:
                callback(run.result(x, value, grad, False, "not finished", values))
            except StopIteration:
                end = True, "the callback stopped it"
                break
    success, message = end or (gtol == 0, "all steps were taken")
    return run.ended(x, value, grad, success, message, values)


def _updater(optimizer: Any, hyperparameters: Mapping[str, Any]) -> Updater[Any]:
    """Return a new updater for an optimizer, or the one that was given."""
    if not isinstance(optimizer, Updater):
        return mx.optimizer.get_updater(mx.optimizer.create(optimizer, **hyperparameters))
    if hyperparameters:
        raise TypeError(f"an updater takes no {next(iter(hyperparameters))!r}: assign it to updater.optimizer")
    return optimizer


class _Run:
    """A function, and the updater that goes down on it."""

    def __init__(self, fun: Any, jac: Any, args: tuple[Any, ...], updater: Updater[Any]) -> None:
        self.fun, self.jac, self.args, self.updater = fun, jac, args, updater
        self.calls = 0

    def evaluate(self, x: Any) -> tuple[float, Any]:
        """Return the value and the gradient."""
        self.calls += 1
        returned = self.fun(x, *self.args)
        if callable(self.jac):
            return float(returned), _fitted(self.jac(x, *self.args), x)
        if not isinstance(returned, tuple) or len(returned) != 2:
            kind = type(returned).__name__
            raise TypeError(f"fun must return (value, gradient), got {kind}: or give the gradient as jac=")
        return float(returned[0]), _fitted(returned[1], x)

    def stepped(self, x: Any, value: float, grad: Any) -> tuple[float, Any] | None:
        """Make a step; return the value and the gradient after it, or None if a line search found no lower value."""
        if not hasattr(self.updater, "search"):
            self.updater.optimizer.observe(value)
            self.updater.update(_contained(grad), _contained(x))
            return self.evaluate(x)
        found = self.updater.search(lambda _: self._evaluated(x), _contained(x), (value, _contained(grad)))
        return None if found is None else (found[0], found[1] if _contained(x) is x else found[1]["x"])

    def _evaluated(self, x: Any) -> tuple[float, Any]:
        value, grad = self.evaluate(x)
        return value, _contained(grad)

    def end(self, value: float, grad: Any, gtol: float) -> tuple[bool, str] | None:
        """Return whether it ended as requested, and why, if it ends with this value and gradient."""
        arrays = _arrays(grad)
        if not (np.isfinite(value) and all(bool(backend_of(one).xp.isfinite(one).all()) for one in arrays)):
            return False, "the value or the gradient is not finite"
        if gtol and max((float(abs(one).max(initial=0)) for one in arrays), default=0.0) <= gtol:
            return True, "the gradient is within gtol"
        return None

    def result(self, x: Any, value: float, grad: Any, success: bool, message: str, values: list[float]) -> Result:
        """Return a result with these variables."""
        return Result(x, value, grad, len(values), self.calls, success, message, np.array(values), self.updater)

    def ended(self, x: Any, value: float, grad: Any, success: bool, message: str, values: list[float]) -> Result:
        """Return the result with the weights to evaluate."""
        with self.updater.evaluating(_contained(x)):
            found = _copied(x)
        if any(bool((one != other).any()) for one, other in zip(_arrays(found), _arrays(x), strict=True)):
            value, grad = self.evaluate(found)
        return self.result(found, value, grad, success, message, values)


def _contained(tree: Any) -> Any:
    """Return containers; a single array is the parameter ``x``."""
    return tree if isinstance(tree, (Mapping, list, tuple)) else {"x": tree}


def _arrays(tree: Any) -> list[Any]:
    return [leaf for leaf in by_path(_contained(tree)).values() if leaf is not None]


def _fitted(grad: Any, x: Any) -> Any:
    """Return a gradient whose leaves are arrays, as those of ``x`` are."""
    if isinstance(x, Mapping) and isinstance(grad, Mapping):
        return {key: _fitted(branch, x.get(key)) for key, branch in grad.items()}
    if isinstance(x, (list, tuple)) and isinstance(grad, (list, tuple)):
        return [_fitted(branch, x[at] if at < len(x) else None) for at, branch in enumerate(grad)]
    is_array = hasattr(grad, "dtype") and not isinstance(grad, np.generic)
    return grad if grad is None or is_array else np.asarray(grad)


def _copied(tree: Any) -> Any:
    """Return containers with copies of their arrays; lists of numbers become arrays."""
    if isinstance(tree, Mapping):
        return {key: _copied(branch) for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)) and not all(np.isscalar(one) for one in tree):
        return type(tree)(_copied(branch) for branch in tree)
    if hasattr(tree, "dtype") and not isinstance(tree, np.generic):
        return backend_of(tree).copy(tree)
    return np.array(tree, np.float64)
