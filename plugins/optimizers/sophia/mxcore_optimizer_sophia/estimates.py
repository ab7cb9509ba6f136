"""Estimates that wait for the update for which they are due."""

import functools
from typing import Any

import numpy as np

from mxcore.backend import Array
from mxcore.optimizer import Index

__all__ = ["Estimates", "smallest"]


class Estimates:
    """Estimates of the Hessian's diagonal, by parameter."""

    def __init__(self) -> None:
        self._waiting: dict[Index, Array] = {}

    def put(self, index: Index, estimate: Array) -> None:
        """Keep an estimate for the next update for which one is due."""
        self._waiting[index] = estimate

    def take(self, index: Index) -> Array:
        """Return an estimate, and forget it."""
        return self._waiting.pop(index)

    def check(self, what: str, index: Index, weight: Array) -> None:
        """Check that there is an estimate.

        Args:
            what: describes the parameter.
            index: the parameter.
            weight: its weight.

        Raises:
            ValueError: there is none, or it has another shape.
        """
        estimate = self._waiting.get(index)
        if estimate is None or estimate.shape != weight.shape:
            got = "none was passed" if estimate is None else f"it has the shape {estimate.shape}, not {weight.shape}"
            raise ValueError(
                f"{what}: an estimate of the Hessian's diagonal is due for this update, but {got}: "
                f"call set_hessian({index!r}, estimate) before it, or use estimator='gradient'"
            )


@functools.cache
def smallest(dtype: Any) -> float:
    """Return the smallest normal number of a dtype, which may be bfloat16."""
    return float(np.spacing(np.zeros((), dtype))) / float(np.spacing(np.ones((), dtype)))
