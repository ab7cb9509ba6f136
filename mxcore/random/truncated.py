r"""The normal distribution between two bounds, by rejection from draws whose bits are the same everywhere.

With :math:`z = (x - loc) / scale`, values are proposed in the way that is accepted most often; none needs a library's
exponential:

* from the normal distribution itself, where enough of it is within the bounds;
* uniformly between bounds that are close. A proposal is accepted with probability :math:`e^{-(z^2 - m^2) / 2}`, where
  :math:`m` is the least :math:`|z|` within the bounds: that is, if :math:`z^2 - m^2 < n_1^2 + n_2^2` for two standard
  normal numbers, since half of that sum is exponentially distributed;
* in a tail beyond :math:`m`, as Marsaglia's :math:`z = \sqrt{m^2 + n_1^2 + n_2^2}`, accepted with probability
  :math:`m / z`.

At least a quarter of the proposals is accepted, whatever the bounds.

References:
    G. Marsaglia, "Generating a variable from the tail of the normal distribution", Technometrics 6 (1964),
    https://doi.org/10.1080/00401706.1964.10490150
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["WITHIN_TWO", "moments", "truncated"]

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = int | tuple[int, ...]
Draw: TypeAlias = Callable[[str, float, float, Shape], Array]
"""``draw("normal", loc, scale, shape)`` or ``draw("uniform", low, high, shape)``, in one of NumPy's float dtypes."""

WITHIN_TWO = 0.87962566103423978
"""The standard deviation of a standard normal number that is truncated to [-2, 2]."""
_FAR = 1e15  # standard deviations: beyond them, all values of a tail are one number


def truncated(draw: Draw, shape: Shape, loc: float, scale: float, low: float, high: float) -> Array:
    """Return values from N(loc, scale²), given that they are within [low, high].

    Args:
        draw: draws from the normal or the uniform distribution.
        shape: the shape of the result.
        loc: the mean before truncation.
        scale: the standard deviation before truncation, at least 0.
        low: the lower bound, a number of the dtype or infinite.
        high: the upper bound, at least ``low``.
    """
    a, b, mirrored = _standard(loc, scale, low, high)
    nearest = max(a, 0.0)
    if nearest > _FAR or low == high:
        edge = min(max(loc, low), high)
        return draw("uniform", edge, edge, shape)

    def close(shape: Shape) -> Array:
        values = draw("uniform", low, high, shape)
        z = (values - loc) / scale
        return np.where(z * z - nearest * nearest < _exponential(draw, shape), values, np.nan)

    def tail(shape: Shape) -> Array:
        square = _exponential(draw, shape)
        z = np.sqrt(nearest * nearest + square)
        # Not z - nearest, which would lose digits far out.
        values = high - scale * (square / (z + nearest)) if mirrored else low + scale * (square / (z + nearest))
        return np.where(draw("uniform", 0, 1, shape) * z < nearest, values, np.nan)

    if b - a < 2.5 and (nearest < 0.5 or b * b - a * a < 2):
        return _accepted(close, shape, low, high)
    if nearest < 0.5:
        return _accepted(lambda shape: draw("normal", loc, scale, shape), shape, low, high)
    return _accepted(tail, shape, low, high)


def moments(loc: float, scale: float, low: float, high: float) -> tuple[float, float] | None:
    """Return the mean and standard deviation after truncation; None far out in a tail, where they underflow."""
    a, b, mirrored = _standard(loc, scale, low, high)
    share = (math.erfc(a / 2**0.5) - math.erfc(b / 2**0.5)) / 2
    if not share > 1e-290:
        return None
    first, second = (math.exp(-z * z / 2) / (math.sqrt(2 * math.pi) * share) for z in (a, b))
    mean = first - second
    square = 1 + sum(z * density for z, density in ((a, first), (-b, second)) if density)
    deviation = scale * math.sqrt(max(0.0, square - mean * mean))
    return loc + scale * (-mean if mirrored else mean), deviation


def _standard(loc: float, scale: float, low: float, high: float) -> tuple[float, float, bool]:
    """Return the bounds in standard deviations from the mean, mirrored if most of what they enclose is negative."""
    a, b = ((bound - loc) / scale if scale else math.copysign(math.inf, bound - loc) for bound in (low, high))
    return (-b, -a, True) if a + b < 0 else (a, b, False)


def _exponential(draw: Draw, shape: Shape) -> Array:
    """Draw n₁² + n₂² for standard normal numbers: twice an exponentially distributed number."""
    first, second = draw("normal", 0, 1, shape), draw("normal", 0, 1, shape)
    total: Array = first * first + second * second
    return total


def _accepted(propose: Callable[[Shape], Array], shape: Shape, low: float, high: float) -> Array:
    """Return proposed values, with those that are out of bounds or NaN proposed again until none is left."""
    values = propose(shape)
    flat = values.reshape(-1)
    left = np.flatnonzero(~((flat >= low) & (flat <= high)))
    while left.size:
        flat[left] = again = propose(left.size)
        left = left[~((again >= low) & (again <= high))]
    return values
