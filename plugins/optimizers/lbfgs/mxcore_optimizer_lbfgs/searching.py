"""An updater whose steps search along a line for lower values of a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from mxcore.backend import Array
from mxcore.nested import paired
from mxcore.optimizer import Index, Updater
from mxcore.step.arguments import check_pair, fitted
from mxcore_optimizer_lbfgs.memory import dot, precision
from mxcore_optimizer_lbfgs.wolfe import Point, strong_wolfe

__all__ = ["Objective", "Searching"]

Found = tuple[Any, Any]
"""The value of a function, and its gradients in containers like those of the weights."""

_UNCHANGED = {
    "rescale_grad": 1.0, "clip_gradient": None, "clip_global_norm": None, "wd": 0.0, "loss_scale": 1.0,
    "maximize": False, "accumulate": 1, "multi_precision": False,
}  # fmt: skip


class _NoLowerValueError(ArithmeticError):
    """No value along the gradient is lower."""


class Objective:
    """A function that a step may ask.

    Args:
        function: returns value and gradients of weights in containers.
        weights: the containers, whose arrays are updated in place.
        value: the value of the function there.
    """

    def __init__(self, function: Callable[[Any], Found], weights: Any, value: float) -> None:
        self._function, self._weights, self._value = function, weights, value
        self._at = 0.0
        self.found: Found | None = None
        """What the function returned last."""

    def no_lower_value(self) -> Exception:
        """Return the error of a search that does not even succeed along the gradient."""
        return _NoLowerValueError("no value along the gradient is lower")

    def search(
        self,
        optimizer: Any,
        indices: Sequence[Index],
        weights: Sequence[Array],
        states: Sequence[tuple[Array, ...]],
        steps: Sequence[Array],
        slope: float,
    ) -> bool:
        """Move weights by some part of these steps, to a lower value.

        Args:
            optimizer: the optimizer.
            indices: the parameters.
            weights: their weights.
            states: their states, which begin with the weights as they are.
            steps: how far to move first.
            slope: the product of steps and gradients.

        Returns:
            Whether there is a lower value; otherwise, weights are where they were.
        """

        def move(part: float) -> None:
            for weight, state, step in zip(weights, states, steps, strict=True):
                weight[...] = state[0] + part * step

        def evaluate(part: float) -> Point:
            move(part)
            self._at, self.found = part, self._function(self._weights)
            value, grads = float(self.found[0]), self._gradients(self.found[1], optimizer, indices, weights)
            slope = dot(grads, steps)
            is_finite = math.isfinite(value) and math.isfinite(slope)
            return Point(part, value if is_finite else math.inf, slope)

        moved = False
        resolution = precision(weights[0]) * abs(self._value)
        try:
            start = Point(0.0, self._value, slope)
            end = strong_wolfe(evaluate, start, resolution=resolution, evaluations=optimizer.max_evaluations)
            if end is not None:
                if end.at != self._at:
                    evaluate(end.at)
                moved = True
        finally:
            if not moved:
                move(0.0)
        return moved

    def _gradients(self, tree: Any, optimizer: Any, indices: Sequence[Index], weights: Sequence[Array]) -> list[Array]:
        """Return the gradients of these parameters, checked."""
        paths, grads, _ = paired(tree, self._weights)
        given = dict(zip(paths, grads, strict=True))
        found = []
        for index, weight in zip(indices, weights, strict=True):
            label = optimizer.describe(index)
            if index not in given:
                raise ValueError(f"{label} had a gradient where the search starts, but has none now")
            found.append(fitted(weight, given[index]))
            check_pair(label, weight, found[-1])
        return found


class Searching(Updater[Any]):
    """The updater of ``lbfgs``, which also makes steps with a line search.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("lbfgs"))
    >>> weights = {"x": np.array([3.0, -4.0])}
    >>> found = None
    >>> for _ in range(3):
    ...     found = update.search(lambda at: (float(at["x"] @ at["x"]), {"x": 2 * at["x"]}), weights, found)
    >>> weights["x"].round(6) + 0.0, found[0] < 1e-20
    (array([0., 0.]), True)
    """

    def search(self, function: Callable[[Any], Found], weights: Any, at: Found | None = None) -> Found | None:
        """Make an update whose length meets the strong Wolfe conditions, or is at least one to a lower value.

        Args:
            function: returns the value at these weights, and the gradients in containers like theirs. It must be
                deterministic. Where it is not finite, the search goes back.
            weights: the weights, in nested dicts, lists or tuples; they are updated in place.
            at: what the function returns for the weights as they are; by default, it is called.

        Returns:
            What the function returns for the new weights; or None if no lower value was found, even along the gradient,
            in which case weights and counts have not changed.

        Raises:
            ValueError: the function is not finite at the weights, or its gradients don't fit; or the optimizer has
                settings that change gradients.
            TypeError: gradients are no arrays, or of another dtype.
        """
        optimizer = self.optimizer
        for name, unchanged in _UNCHANGED.items():
            of_groups = (group.settings.get(name, unchanged) for group in optimizer.groups.every)
            for value in (getattr(optimizer, name), *of_groups):
                if value != unchanged:
                    raise ValueError(f"a line search needs {name}={unchanged}, got {value!r}: let the function do it")
        value, grads = function(weights) if at is None else at
        if not math.isfinite(value := float(value)):
            raise ValueError(f"the function must be finite where a search starts, got {value}")
        with self.lock:
            objective = optimizer._objective = Objective(function, weights, value)
            try:
                self.update(grads, weights)
            except _NoLowerValueError:
                return None
            finally:
                optimizer._objective = None
        return objective.found
