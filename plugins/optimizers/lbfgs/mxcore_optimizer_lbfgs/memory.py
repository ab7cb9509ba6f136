"""What L-BFGS remembers: pairs of changes of all weights and their gradients, each divided by the root of its product.

The state of a parameter is ``(previous, gradient, s_0, …, y_0, …)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, backend_of

States = Sequence[tuple[Array, ...]]


def dot(some: Sequence[Array], others: Sequence[Array]) -> float:
    """Return the product of two vectors that consist of arrays, summed in double precision."""
    return _total(_wide(one) * _wide(other) for one, other in zip(some, others, strict=True))


def length(vector: Sequence[Array]) -> float:
    """Return the sum of absolute values."""
    return _total(abs(_wide(one)) for one in vector)


def _total(terms: Iterable[Any]) -> float:
    total = sum(one.sum() for one in terms)
    # The host waits for a device once, not for each array. Arithmetic on 0-d arrays gives NumPy scalars.
    return float(total if isinstance(total, (int, np.generic)) else backend_of(total).to_host(total))


def precision(array: Array) -> float:
    """Return the relative distance of neighbouring numbers, in the dtype to compute in."""
    return float(np.finfo(_work(array)).eps)


def _wide(array: Array) -> Any:
    return array.astype(np.float64, copy=False)


def remembered(pairs: int, size: int, weights: Sequence[Array], grads: Sequence[Array], states: States) -> int:
    """Add the changes since the last call to states, if they are a pair to keep, and note where they are now.

    Args:
        pairs: how many pairs there were so far.
        size: how many are kept.
        weights: the weights.
        grads: their gradients.
        states: the states, of which the oldest pair is overwritten.

    Returns:
        How many pairs there are now.
    """
    changes = [weight - state[0] for weight, state in zip(weights, states, strict=True)]
    bends = [grad - state[1] for grad, state in zip(grads, states, strict=True)]
    product, least = dot(changes, bends), precision(weights[0])
    if least * (dot(changes, changes) * dot(bends, bends)) ** 0.5 < product < np.inf:
        for change, bend, state in zip(changes, bends, states, strict=True):
            state[2 + pairs % size][...] = change / product**0.5
            state[2 + size + pairs % size][...] = bend / product**0.5
        pairs += 1
    for weight, grad, state in zip(weights, grads, states, strict=True):
        state[0][...], state[1][...] = weight, grad
    return pairs


def directions(states: States, pairs: int, size: int) -> list[Array]:
    """Return the approximate inverse of the Hessian times the gradients."""
    found = [backend_of(grad).copy(grad, _work(grad)) for _, grad, *_ in states]
    recent = [at % size for at in range(pairs - 1, max(pairs - size, 0) - 1, -1)]
    factors = {}
    for at in recent:
        factors[at] = dot([state[2 + at] for state in states], found)
        for one, state in zip(found, states, strict=True):
            one -= factors[at] * state[2 + size + at]
    if recent:
        bends = [state[2 + size + recent[0]] for state in states]
        scale = 1 / dot(bends, bends)
        for one in found:
            one *= scale
    for at in reversed(recent):
        factor = factors[at] - dot([state[2 + size + at] for state in states], found)
        for one, state in zip(found, states, strict=True):
            one += factor * state[2 + at]
    return found


def _work(array: Array) -> Any:
    """Return the dtype to compute in."""
    return np.float32 if array.dtype.itemsize == 2 else array.dtype
