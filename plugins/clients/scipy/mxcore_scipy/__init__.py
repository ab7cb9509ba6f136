"""Optimizers of mxcore as methods of ``scipy.optimize.minimize``, and as fits of statsmodels."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import mxcore as mx
from mxcore.adapting import requires
from mxcore.optimizer import Updater

with requires("scipy>=1.13"):
    from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning, minimize
    from scipy.optimize._numdiff import approx_derivative

__all__ = ["fit_function", "method"]

Array = npt.NDArray[Any]
_DEFAULTS = {"tol": 1e-5, "gtol": None, "maxiter": 15000, "disp": False, "finite_diff_rel_step": None}


def method(optimizer: Any = "adam", **hyperparameters: Any) -> Callable[..., Any]:
    """Return a method for ``scipy.optimize.minimize``.

    >>> import mxcore as mx, numpy as np
    >>> from scipy.optimize import minimize, rosen, rosen_der
    >>> result = minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=mx.scipy.method("adam", learning_rate=0.02))
    >>> result.x.round(3), result.status, result.message
    (array([1., 1.]), 0, 'the gradient is within gtol')

    These are its ``options``; others cause an ``OptimizeWarning``, and ``hess`` a ``RuntimeWarning``:

    * ``gtol``: stop once no element of the gradient is greater; with bounds, of the projected gradient, as in L-BFGS-B.
      By default ``tol`` or, without one, 1e-5. At 0, taking all steps is a success, which suits stochastic functions.
    * ``maxiter``: the number of steps, at most; by default 15000, as for L-BFGS-B.
    * ``disp``: whether to print a summary.
    * ``finite_diff_rel_step``: the relative step of finite differences, which give the gradient if there is no ``jac``.

    Args:
        optimizer: the name of an optimizer, an optimizer, or the ``updater`` of an earlier result, to continue that
            run. Otherwise, each run starts with a new state.
        hyperparameters: arguments for the optimizer, such as ``learning_rate`` or ``lr_scheduler``.

    Returns:
        A callable for ``method=``. Its result also has ``updater``, with the state.

    Raises:
        TypeError: an argument is unknown.
        ValueError: from a run: there are constraints; the optimizer cannot keep bounds, or needs more than one gradient
            for each step; or bounds, gradients or values don't fit.
    """
    if not isinstance(optimizer, Updater):
        optimizer = mx.optimizer.create(optimizer, **hyperparameters)
    elif hyperparameters:
        raise TypeError(f"an updater takes no {next(iter(hyperparameters))!r}: assign it to updater.optimizer")
    return functools.partial(_minimized, optimizer)


def _minimized(
    optimizer: Any, fun: Any, x0: Any, *, args: Any = (), jac: Any = None, hess: Any = None, hessp: Any = None,
    bounds: Any = None, constraints: Any = (), callback: Any = None, **options: Any,
) -> OptimizeResult:  # fmt: skip
    """Minimize, called as SciPy calls a method."""
    if np.any(constraints):  # as SciPy asks
        raise ValueError("this method cannot keep constraints: use bounds, or SciPy's 'SLSQP' or 'trust-constr'")
    for name, given in {"hess": hess, "hessp": hessp}.items():
        if given is not None:
            warnings.warn(f"This method does not use Hessian information ({name}).", RuntimeWarning, stacklevel=3)
    if unknown := [name for name in options if name not in _DEFAULTS]:
        text = f"Unknown solver options: {', '.join(unknown)} (arguments of the optimizer go to mx.scipy.method)"
        warnings.warn(text, OptimizeWarning, stacklevel=3)
    options = _DEFAULTS | {name: value for name, value in options.items() if value is not None}
    lower, upper = _limits(bounds, x0)
    takes_result = callback is not None and set(inspect.signature(callback).parameters) == {"intermediate_result"}
    objective = _Objective(fun, jac, args, (lower, upper), options["finite_diff_rel_step"])
    found = mx.minimize(
        objective,
        x0,
        optimizer,
        steps=int(options["maxiter"]),
        gtol=options["tol"] if options["gtol"] is None else options["gtol"],
        project=(lambda x: x.clip(lower, upper)) if np.isfinite([lower, upper]).any() else None,
        callback=None if callback is None else functools.partial(objective.report, callback, takes_result),
    )
    stopped = found.status == 99
    message = "`callback` raised `StopIteration` or returned `True`." if stopped else found.message
    result = objective.described(found, status=found.status, success=found.success and not stopped, message=message)
    if options["disp"]:
        counts = f"{result.nit} iterations, {result.nfev} function and {result.njev} gradient evaluations"
        print(f"{message}\n         Current function value: {result.fun:f}\n         {counts}")  # noqa: T201
    return result


def fit_function(optimizer: Any = "adam", **hyperparameters: Any) -> Callable[..., tuple[Any, dict[str, Any] | None]]:
    """Return a function for ``extra_fit_funcs`` of statsmodels; ``fit`` takes the options of :func:`method`.

    >>> import mxcore as mx, numpy as np, statsmodels.api as sm
    >>> x = np.linspace(-1, 1, 100)
    >>> model = sm.Logit((np.sin(9 * x) + x > 0).astype(float), sm.add_constant(x))
    >>> fit = {"mxcore": mx.scipy.fit_function("adam", learning_rate=0.1)}
    >>> found = model.fit(method="mxcore", extra_fit_funcs=fit, maxiter=500, gtol=1e-7, disp=False)
    >>> bool(np.allclose(found.params, model.fit(disp=False).params, atol=1e-5))
    True

    Args:
        optimizer: as for :func:`method`.
        hyperparameters: as for :func:`method`.
    """
    return functools.partial(_fitted, method(optimizer, **hyperparameters))


def _fitted(
    run: Any, f: Any, score: Any, start_params: Any, fargs: Any, kwargs: Any, *, full_output: Any = True, **rest: Any
) -> tuple[Any, dict[str, Any] | None]:  # fmt: skip
    """Fit, called as statsmodels calls its functions."""
    options = {**kwargs, **rest}
    given = {name: options.pop(name, None) for name in ("bounds", "tol", "callback")}
    for name in ("hess", "retall", "extra_fit_funcs", "cov_params_func"):  # which its other functions ignore as well
        options.pop(name, None)
    found = minimize(f, start_params, fargs, run, score, options=options, **given)
    names = {"fopt": "fun", "gopt": "jac", "fcalls": "nfev", "gcalls": "njev", "warnflag": "status"}
    names |= {"converged": "success", "iterations": "nit"}
    return found.x, {name: found[key] for name, key in names.items()} if full_output else None


def _limits(bounds: Any, x: Array) -> tuple[Array, Array]:
    """Return the lower and the upper bound of each variable, from a ``Bounds`` or pairs with None."""
    if bounds is None or isinstance(bounds, Bounds):
        both = [-np.inf, np.inf] if bounds is None else [bounds.lb, bounds.ub]
    else:
        pairs = [tuple(pair) for pair in bounds]
        if len(pairs) != x.size or any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"bounds must be a pair for each of {x.size} variables, got {bounds!r}")
        ends = ((0, -np.inf), (1, np.inf))
        both = [[end if pair[at] is None else pair[at] for pair in pairs] for at, end in ends]
    lower, upper = (np.broadcast_to(np.asarray(side, x.dtype), x.shape) for side in both)
    if not (lower <= upper).all():
        raise ValueError(f"a lower bound is greater than the upper bound: got {bounds!r}")
    return lower, upper


class _Objective:
    """Returns value and gradient of a function, by finite differences within limits without ``jac``; counts calls."""

    def __init__(self, fun: Any, jac: Any, args: tuple[Any, ...], limits: tuple[Array, Array], rel_step: Any) -> None:
        if type(fun).__name__ == "MemoizeJac":  # jac=True: SciPy remembers the last call, but batches change
            fun, jac = fun.fun, True
        self.fun, self.jac, self.args, self.limits, self.rel_step = fun, jac, args, limits, rel_step
        self.nfev = self.njev = 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return both."""
        value, self.njev = self._called(x), self.njev + 1
        if self.jac is True:
            value, grad = value
        else:
            grad = self._differences(x, _number(value)) if self.jac is None else self.jac(x.copy(), *self.args)
        return _number(value), np.atleast_1d(np.asarray(grad, x.dtype))

    def _called(self, x: Array) -> Any:
        self.nfev += 1
        return self.fun(x.copy(), *self.args)  # a copy, which it may keep or change

    def _differences(self, x: Array, value: float) -> Array:
        lower, upper = self.limits
        free, grad, moved = lower < upper, np.zeros_like(x), x.copy()  # what bounds fix has no room for a step

        def at(part: Array) -> float:
            moved[free] = part
            return _number(self._called(moved))

        if free.any():
            step, room = self.rel_step, (lower[free], upper[free])
            step = step if np.ndim(step) == 0 else np.asarray(step)[free]
            grad[free] = approx_derivative(at, x[free], "2-point", rel_step=step, f0=value, bounds=room)
        return grad

    def described(self, found: Any, **more: Any) -> OptimizeResult:
        """Return a result of ``mx.minimize`` as SciPy's, with a copy of x."""
        more |= {"x": found.x.copy(), "fun": found.fun, "jac": found.jac, "nit": found.nit, "updater": found.updater}
        return OptimizeResult(more, nfev=self.nfev, njev=self.njev)

    def report(self, callback: Any, takes_result: bool, found: Any) -> None:
        """Call a callback of one of the two kinds."""
        stop = callback(intermediate_result=self.described(found)) if takes_result else callback(found.x.copy())
        if isinstance(stop, (bool, np.bool_)) and stop:
            raise StopIteration


def _number(value: Any) -> float:
    if np.size(value) != 1:
        raise ValueError(f"fun must return a number, got an array of shape {np.shape(value)}")
    return float(np.asarray(value).item())
