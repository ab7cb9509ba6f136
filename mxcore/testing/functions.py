"""Test functions with their gradients, on which optimizers are tested and their paths are drawn.

>>> float(FUNCTIONS["rosenbrock"].value(np.array([1.0, 1.0])))
0.0
>>> FUNCTIONS["beale"].gradient(FUNCTIONS["beale"].lowest)
array([0., 0.])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["FUNCTIONS", "Function"]

Array = npt.NDArray[Any]


@attrs.frozen(eq=False)
class Function:
    """A function of several variables whose minimum is 0.

    >>> import numpy as np, mxcore as mx
    >>> bowl = Function("A bowl", lambda at: (at**2).sum(axis=0), lambda at: 2 * at, np.array([1.0, -2.0]), np.zeros(2))
    >>> place = bowl.begin.copy()
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.25))
    >>> for _ in range(3):
    ...     update("place", bowl.gradient(place), place)
    >>> place, float(bowl.value(place))
    (array([ 0.125, -0.25 ]), 0.078125)

    Args:
        name: its usual name.
        value: its value at points of shape ``(n,)`` or, for maps, ``(n, rows, columns)``.
        gradient: its gradient at a point, both of shape ``(n,)``.
        begin: the usual starting point, of shape ``(n,)``.
        lowest: its minimum, of shape ``(n,)``.
        window: for a function of two variables, the part of the plane that shows its shape: left, right, bottom, top.
    """

    name: str
    value: Callable[[Array], Any]
    gradient: Callable[[Array], Array]
    begin: Array
    lowest: Array
    window: tuple[float, float, float, float] = (-1, 1, -1, 1)


def _rosenbrock() -> Function:
    r"""Rosenbrock's valley, scaled by 1/100: :math:`(y - x^2)^2 + 0.01 (1 - x)^2`."""
    return Function(
        "Rosenbrock's function",
        lambda at: (at[1] - at[0] ** 2) ** 2 + 0.01 * (1 - at[0]) ** 2,
        lambda at: np.array([-4 * at[0] * (at[1] - at[0] ** 2) - 0.02 * (1 - at[0]), 2 * (at[1] - at[0] ** 2)]),
        np.array([-1.2, 1.0]),
        np.array([1.0, 1.0]),
        (-1.75, 1.75, -0.6, 2.1),
    )


_BEALE = np.array([1.5, 2.25, 2.625])
_POWERS = np.array([1.0, 2.0, 3.0])


def _beale_residuals(x: Any, y: Any) -> list[Any]:
    return [constant - x * (1 - y**power) for constant, power in zip(_BEALE, _POWERS, strict=True)]


def _beale() -> Function:
    r"""Beale's function, scaled by 1/10: :math:`0.1 \sum_{i=1}^3 (c_i - x + x y^i)^2`, c = (1.5, 2.25, 2.625)."""

    def gradient(at: Array) -> Array:
        x, y = at
        slopes = np.array([y**_POWERS - 1, x * _POWERS * y ** (_POWERS - 1)])
        return np.asarray(0.2 * slopes @ _beale_residuals(x, y))

    return Function(
        "Beale's function",
        lambda at: 0.1 * sum(residual**2 for residual in _beale_residuals(*at)),
        gradient,
        np.array([1.0, 1.0]),
        np.array([3.0, 0.5]),
        (-0.5, 4.5, -1.5, 1.6),
    )


FUNCTIONS: Mapping[str, Function] = {"rosenbrock": _rosenbrock(), "beale": _beale()}
"""The test functions of two variables for plots. Both are scaled down, so that the same learning rate suits both and
the problems of the conformance kit; their shapes and minima are the usual ones.

Rosenbrock's is from "An automatic method for finding the greatest or least value of a function", The Computer Journal
3, 1960; Beale's is number 5 of J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization
software", ACM Transactions on Mathematical Software 7, 1981.
"""
