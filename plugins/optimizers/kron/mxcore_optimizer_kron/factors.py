"""The factors of a preconditioner, which follow the gradients."""

from typing import Any

import numpy as np
from mxcore_matrices import divided, gram, multiplied, within_range

from mxcore.backend import Array, backend_of

__all__ = ["followed"]

_TINY = 2.0**-126
"""The smallest normal number of float32."""


def followed(factors: dict[int, Array], mean: Array, noise: Array, rate: float) -> dict[int, Any]:
    """Return the factors after they have followed a mean gradient, all equally large.

    Args:
        factors: the factor of each axis, as a triangular matrix or its diagonal.
        mean: the mean gradient; if it is 0, the factors stay as they are.
        noise: standard normal numbers.
        rate: how fast they follow.
    """
    a = within_range(multiplied(mean, factors), mean.dtype)
    b = within_range(divided(noise, {axis: q.T for axis, q in factors.items()}), mean.dtype)
    del noise  # here and below, to bound the memory
    terms = {axis: [gram(one, axis, diagonal=q.ndim == 1) for one in (a, b)] for axis, q in factors.items()}
    del a, b
    rate = rate * mean.any()
    new = {axis: _changed(q, terms.pop(axis), rate) for axis, q in factors.items()}
    sizes = backend_of(mean).xp.stack([abs(q).max() for q in new.values()])
    for q, scale in zip(new.values(), (sizes ** (1 / len(new))).prod() / sizes, strict=True):
        q *= scale
    return new


def _changed(q: Array, terms: list[Array], rate: float) -> Any:
    """Return a factor after a step of relative size ``rate``."""
    plus, minus = terms
    size = _norm(plus + minus) + _TINY
    change = (plus - minus) * q if q.ndim == 1 else np.triu(plus - minus) @ q
    change *= rate / size
    return q - change


def _norm(matrix: Array) -> Any:
    """Return nearly the largest eigenvalue of a positive matrix, by two steps of the power method, or of a diagonal."""
    largest = abs(matrix).max()
    if matrix.ndim == 1:
        return largest
    scaled = matrix / np.maximum(largest, _TINY)
    x = scaled @ scaled.take((scaled * scaled).sum(0).argmax(), 0)
    return largest * np.linalg.norm(scaled @ (x / np.maximum(np.linalg.norm(x), _TINY)))
