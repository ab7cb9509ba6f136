"""A line search for the strong Wolfe conditions, after Nocedal and Wright, "Numerical Optimization", 2006.

Steps between two points go to the minimum of the cubic through their values and slopes, kept away from both ends as
Mark Schmidt's minFunc does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Point", "strong_wolfe"]

DECREASE, CURVATURE = 1e-4, 0.9
"""The share of the slope that a step must gain at least, and that the new slope may have at most."""


class Point(NamedTuple):
    """A point on the line: where it is, the value there, and the slope.

    One that is not finite has an infinite value.
    """

    at: float
    value: float
    slope: float


class _Search:
    def __init__(self, evaluate: Callable[[float], Point], start: Point, resolution: float, evaluations: int) -> None:
        self._evaluate, self.start, self.resolution, self.left = evaluate, start, resolution, evaluations

    def evaluate(self, at: float) -> Point:
        self.left -= 1
        return self._evaluate(at)

    def is_low(self, point: Point) -> bool:
        """Return whether the value at a point has decreased enough."""
        return point.value <= self.start.value + DECREASE * point.at * self.start.slope

    def is_unseen(self, point: Point) -> bool:
        """Return whether a point is so near that its value says nothing, while its slope leads on."""
        is_equal = abs(point.value - self.start.value) <= self.resolution
        return is_equal and point.slope < CURVATURE * self.start.slope

    def is_flat(self, point: Point) -> bool:
        """Return whether the slope at a point is small enough."""
        return abs(point.slope) <= -CURVATURE * self.start.slope

    def bracket(self, at: float) -> Point | None:
        """Return a point that meets the conditions, or the lowest one found (algorithm 3.5)."""
        before, point = self.start, self.evaluate(at)
        while True:
            unseen = self.is_unseen(point)
            if not unseen and (not self.is_low(point) or (before is not self.start and point.value >= before.value)):
                return self.zoom(before, point)
            if self.is_flat(point):
                return point
            if point.slope >= 0:
                return self.zoom(point, before)
            if self.left <= 0:
                return self.lowest(point)
            farthest = 10 * point.at
            at = farthest if unseen else _between(before, point, point.at + 0.01 * (point.at - before.at), farthest)
            before, point = point, self.evaluate(at)

    def zoom(self, low: Point, high: Point) -> Point | None:
        """Return the same from an interval that has such points (algorithm 3.6)."""
        was_near = False
        while self.left > 0 and abs(high.at - low.at) * -self.start.slope > self.resolution:
            first, last = min(low.at, high.at), max(low.at, high.at)
            at, margin = _between(low, high, first, last), 0.1 * (last - first)
            is_near = min(last - at, at - first) < margin
            if is_near and (was_near or not first < at < last):
                at, is_near = last - margin if last - at < at - first else first + margin, False
            was_near = is_near
            point = self.evaluate(at)
            if not self.is_low(point) or point.value >= low.value:
                high = point
                continue
            if self.is_flat(point):
                return point
            if point.slope * (high.at - low.at) >= 0:
                high = low
            low = point
        return self.lowest(low)

    def lowest(self, point: Point) -> Point | None:
        return point if point.value < self.start.value else None


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, *, resolution: float, evaluations: int
) -> Point | None:
    """Return a point on a line that meets the strong Wolfe conditions, trying 1 first.

    >>> strong_wolfe(lambda t: Point(t, (t - 3) ** 2, 2 * (t - 3)), Point(0, 9, -6), resolution=0, evaluations=25)
    Point(at=1.0, value=4.0, slope=-4.0)

    Args:
        evaluate: returns the point at some distance.
        start: the point at 0.
        resolution: differences of values that are not worth a step.
        evaluations: the number of evaluations, at most.

    Returns:
        The point; one that is only lower than the start, if evaluations or resolution don't suffice; or None if none
        is, or the line does not go down from its start.
    """
    if not start.slope < 0:
        return None
    return _Search(evaluate, start, resolution, evaluations).bracket(1.0)


def _between(one: Point, other: Point, first: float, last: float) -> float:
    """Return the minimum of the cubic through two points, within bounds; the middle if there is none."""
    if one.at > other.at:
        one, other = other, one
    middle = (first + last) / 2
    if not math.isfinite(one.value + other.value):
        return middle
    bend = one.slope + other.slope - 3 * (one.value - other.value) / (one.at - other.at)
    square = bend * bend - one.slope * other.slope
    if not 0 <= square < math.inf:
        return middle
    root = math.sqrt(square)
    if not (below := other.slope - one.slope + 2 * root):
        return middle
    return min(max(other.at - (other.at - one.at) * (other.slope + root - bend) / below, first), last)
