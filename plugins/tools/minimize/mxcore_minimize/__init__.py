"""Minimize a function with any optimizer, as ``scipy.optimize.minimize`` does: ``mx.minimize``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

import mxcore as mx
from mxcore.backend import backend_of
from mxcore.evaluation import has_evaluation
from mxcore.nested import by_path
from mxcore.optimizer import Updater

__all__ = ["Result", "minimize"]


@attrs.frozen(eq=False)
class Result:
    """What a minimization has found; a callback gets one after every step.

    >>> import numpy as np, mxcore as mx
    >>> mx.minimize(lambda x: (x @ x, 2 * x), np.ones(1), "sgd", learning_rate=0.5, steps=1)
    Result(x=array([0.]), fun=0.0, nit=1, nfev=2, status=0, success=True, message='all steps were taken')

    Args:
        x: the variables, in containers like those of ``x0``.
        fun: the value of the function there.
        jac: its gradient there.
        nit: how many steps were taken.
        nfev: how many times the function was called, and ``jac`` if it is a function.
        status: 0 if the gradient is within ``gtol``, or all steps were taken and ``gtol`` is 0; 1 if they were taken
            without reaching it; 2 if a line search found no lower value; 3 if the value or the gradient is not finite;
            99 if the callback stopped it. The numbers are SciPy's.
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
    status: int
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
    project: Callable[[Any], Any] | None = None,
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

    To minimize over a set, pass the function that returns the nearest point of it. It is applied to ``x0`` and after
    each step, so ``fun`` sees no other points:

    >>> def distance(x):
    ...     return (x - target) @ (x - target), 2 * (x - target)
    >>> mx.minimize(distance, np.zeros(2), "sgd", learning_rate=0.25, gtol=1e-9, project=lambda x: x.clip(0, 2)).x
    array([2., 0.])

    Args:
        fun: ``fun(x, *args)`` returns the value and, unless ``jac`` is a function, also the gradient: a pair.
        x0: where to begin: an array, numbers, or arrays in nested dicts and lists. It is not changed.
        optimizer: the name of an optimizer, an optimizer, or the updater of an earlier result, to go on from there.
        jac: a function ``jac(x, *args)`` that returns the gradient, in containers like those of ``x0``; or True.
        args: further arguments of ``fun`` and ``jac``.
        steps: the number of steps, at most.
        gtol: stop once no element of the gradient g is greater, or with ``project`` none of x - project(x - g); 0 to
            take all steps. Where evaluation weights are returned, it holds for them too.
        project: ``project(x)`` returns the nearest point of a convex set to which x is confined, in containers like
            those of ``x0``. With optimizers that scale elements differently, such as Adam, this finds the minimum if
            the set is bounds on elements; other sets need ``sgd``, ``nag`` or the like. Line searches refuse it, as do
            optimizers with evaluation weights.
        callback: called after every step with the :class:`Result` so far, whose arrays the next step changes. To
            stop, it raises StopIteration.
        hyperparameters: arguments for the optimizer, such as ``learning_rate`` or ``lr_scheduler``.

    Returns:
        The result. Its ``x`` are the optimizer's evaluation weights if it has some, such as ``average``.

    Raises:
        TypeError: ``fun`` does not return a pair; gradients are no arrays, or of another dtype; or there are
            hyperparameters for an updater.
        ValueError: ``steps`` or ``gtol`` is negative; gradients, or what ``project`` returns, have other shapes or
            containers than ``x0``; or the optimizer cannot do with one gradient for each step, or with ``project``.
    """
    if not isinstance(steps, int) or steps < 0:
        raise ValueError(f"steps must be an integer of at least 0, got {steps!r}")
    if not gtol >= 0:
        raise ValueError(f"gtol must be at least 0, got {gtol!r}")
    run = _Run(fun, jac, args, _updater(optimizer, hyperparameters), project)
    return run.descend(_copied(x0), steps, gtol, callback)


def _updater(optimizer: Any, hyperparameters: Mapping[str, Any]) -> Updater[Any]:
    """Return a new updater for an optimizer, or the one that was given."""
    if isinstance(optimizer, Updater) and hyperparameters:
        raise TypeError(f"an updater takes no {next(iter(hyperparameters))!r}: assign it to updater.optimizer")
    updater = optimizer
    if not isinstance(updater, Updater):
        updater = mx.optimizer.get_updater(mx.optimizer.create(optimizer, **hyperparameters))
    if hasattr(updater, "second_step"):
        raise ValueError("this optimizer needs two gradients for each step: call first_step and second_step yourself")
    return updater


def _check_confinable(updater: Updater[Any]) -> None:
    """Check that a projection after a step leaves the optimizer right."""
    who = type(updater.optimizer).__name__
    if hasattr(updater, "search"):
        raise ValueError(f"{who} cannot keep bounds: it searches along lines, which leave them; use another optimizer")
    if has_evaluation(updater.optimizer):
        raise ValueError(f"{who} cannot keep bounds: its evaluation weights don't know of them; use another optimizer")


class _Run:
    """A function, and the updater that goes down on it."""

    def __init__(self, fun: Any, jac: Any, args: tuple[Any, ...], updater: Updater[Any], project: Any) -> None:
        if project is not None:
            _check_confinable(updater)
        self.fun, self.jac, self.args, self.updater, self.project = fun, jac, args, updater, project
        self.calls, self.nit, self.values = 0, 0, np.empty(64)

    def confine(self, x: Any) -> None:
        """Move x to the nearest point of the set."""
        if self.project is not None:
            nearest = by_path(_contained(_fitted(self.project(x), x)))
            for path, one in by_path(_contained(x)).items():
                if (shape := getattr(nearest.get(path), "shape", None)) != one.shape:
                    raise ValueError(f"project must return arrays like those of x0: {path} is {one.shape}, got {shape}")
                one[...] = nearest[path]

    def descend(self, x: Any, steps: int, gtol: float, callback: Callable[[Result], Any] | None) -> Result:
        """Make the steps, in place, and return the result."""
        self.confine(x)
        value, grad = self.evaluate(x)
        while (end := self.end(x, value, grad, gtol)) is None and self.nit < steps:
            found = self.stepped(x, value, grad)
            if found is None:
                end = 2, "no lower value was found"
                break
            self.note(value)
            value, grad = found
            if callback is not None:
                try:
                    callback(self.result(x, value, grad, (1, "not finished"), False))
                except StopIteration:
                    end = 99, "the callback stopped it"
                    break
        end = end or (int(gtol > 0), "all steps were taken")
        success = end[0] in (0, 99) or (end[0] == 2 and gtol == 0)
        return self.result(*self.final(x, value, grad), end, success)

    def note(self, value: float) -> None:
        """Count a step; callbacks see views of the values, so that long runs don't copy them at every step."""
        if self.nit == len(self.values):
            self.values = np.resize(self.values, 2 * self.nit)
        self.values[self.nit] = value
        self.nit += 1

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
            self.confine(x)
            return self.evaluate(x)
        found = self.updater.search(lambda _: self._evaluated(x), _contained(x), (value, _contained(grad)))
        return None if found is None else (found[0], found[1] if _contained(x) is x else found[1]["x"])

    def _evaluated(self, x: Any) -> tuple[float, Any]:
        value, grad = self.evaluate(x)
        return value, _contained(grad)

    def end(self, x: Any, value: float, grad: Any, gtol: float) -> tuple[int, str] | None:
        """Return the status and why it ends, if it ends with this value and gradient."""
        finite = all(bool(backend_of(one).xp.isfinite(one).all()) for one in _arrays(grad))
        if not (np.isfinite(value) and finite):
            return 3, "the value or the gradient is not finite"
        if gtol and self.slope(x, grad) <= gtol:
            final, _, there = self.final(x, value, grad)
            if self.slope(final, there) <= gtol:
                return 0, "the gradient is within gtol"
        return None

    def slope(self, x: Any, grad: Any) -> float:
        """Return the greatest element of the gradient, or of how far it moves x within the set."""
        moves = _arrays(grad)
        if self.project is not None:
            ahead, slopes = _copied(x), by_path(_contained(grad))
            for path, one in by_path(_contained(ahead)).items():
                if slopes.get(path) is not None:
                    one -= slopes[path]
            self.confine(ahead)
            moves = [one - other for one, other in zip(_arrays(x), _arrays(ahead), strict=True)]
        return max((float(abs(one).max(initial=0)) for one in moves), default=0.0)

    def result(self, x: Any, value: float, grad: Any, end: tuple[int, str], success: bool) -> Result:
        """Return a result with these variables."""
        values = self.values[: self.nit]
        return Result(x, value, grad, self.nit, self.calls, end[0], success, end[1], values, self.updater)

    def final(self, x: Any, value: float, grad: Any) -> tuple[Any, float, Any]:
        """Return the weights to evaluate, with their value and gradient."""
        with self.updater.evaluating(_contained(x)):
            found = _copied(x)
        if any(bool((one != other).any()) for one, other in zip(_arrays(found), _arrays(x), strict=True)):
            value, grad = self.evaluate(found)
        return found, value, grad


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
