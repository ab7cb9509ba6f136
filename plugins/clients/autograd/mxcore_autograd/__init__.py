"""Optimizers of mxcore in the form of those in ``autograd.misc.optimizers``: ``mx.autograd.optimizer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.optimizer import Updater

with requires("autograd>=1.8"):
    from autograd.tracer import isbox

__all__ = ["optimizer"]


def optimizer(name: Any = "adam", **hyperparameters: Any) -> Callable[..., Any]:
    """Return a function like ``autograd.misc.optimizers.adam`` that minimizes with any optimizer.

    >>> import autograd.numpy as anp, mxcore as mx
    >>> from autograd import grad
    >>> def loss(x, i):
    ...     return anp.sum((x["a"] - 3) ** 2) + (x["b"] + 1) ** 2
    >>> nadam = mx.autograd.optimizer("nadam", learning_rate=0.1)
    >>> found = nadam(grad(loss), {"a": anp.zeros(2), "b": 0.0}, num_iters=400)
    >>> found["a"].round(1), found["b"].round(1)
    (array([3., 3.]), np.float64(-1.0))

    Args:
        name: the name of an optimizer, such as ``"lookahead(adam, k=5)"``, or an optimizer: each run begins with a
            state of its own. Or an updater, with which every run goes on from the one before.
        hyperparameters: its arguments, such as ``learning_rate`` (autograd's ``step_size``) or ``groups``, whose
            patterns match the paths of the arrays in ``x0``: ``layers.0.bias``, or ``x`` if ``x0`` is an array.

    Returns:
        ``optimize(grad, x0, callback=None, num_iters=100)``. In iteration i = 0, 1, …, ``grad(x, i)`` returns the
        gradient at x, ``callback(x, i, gradient)`` is called, and x is updated. ``x0`` is an array, a number, or lists,
        tuples and dicts of them; every x is in such containers too, is new, and may be kept. The function returns the
        last x, or the optimizer's evaluation weights if it has some.

    Raises:
        TypeError, ValueError: the arguments are not those of the optimizer, or, in a run, a gradient does not fit.
    """
    if isinstance(name, Updater):
        if hyperparameters:
            raise TypeError(f"an updater takes no {next(iter(hyperparameters))!r}: assign it to updater.optimizer")
    else:
        mx.optimizer.create(name, **hyperparameters)  # here, so that wrong arguments are reported here

    def optimize(
        grad: Callable[[Any, int], Any],
        x0: Any,
        callback: Callable[[Any, int, Any], Any] | None = None,
        num_iters: int = 100,
    ) -> Any:
        again = isinstance(name, Updater)
        updater = name if again else mx.optimizer.get_updater(mx.optimizer.create(name, **hyperparameters))
        x = _mapped(_copied, x0)
        for i in range(num_iters):
            gradient = _mapped(np.asarray, grad(x, i))
            if callback is not None:
                callback(x, i, gradient)
            x = _mapped(_copied, x)
            updater.update(_contained(gradient), _contained(x))
        with updater.evaluating(_contained(x)):
            return _mapped(_copied, x)

    return optimize


def _contained(tree: Any) -> Any:
    """Return containers; a single array is the parameter ``x``."""
    return tree if isinstance(tree, (dict, list, tuple)) else {"x": tree}


def _mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to what is in containers."""
    if isinstance(tree, dict):
        return {key: _mapped(function, branch) for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_mapped(function, branch) for branch in tree])
    return function(tree)


def _copied(leaf: Any) -> Any:
    """Return a new array of real or complex numbers."""
    if isbox(leaf):
        raise TypeError("x0 is being differentiated, but updates in place have no gradients: use autograd's optimizers")
    return np.array(leaf, np.result_type(leaf, 0.0))
