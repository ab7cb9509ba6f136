"""Orthogonalize matrices by a Newton-Schulz iteration."""

from collections.abc import Sequence

from mxcore.backend import Array, backend_of

__all__ = ["orthogonalize"]


def orthogonalize(stack: Array, steps: int, coefficients: Sequence[float]) -> Array:
    r"""Return matrices with the singular vectors of others, and singular values near 1.

    .. math::

        S &= X X^T \\
        X &\leftarrow (a \cdot I + b \cdot S + c \cdot S^2) X

    >>> import numpy as np
    >>> stack = np.array([[[3.0, 4.0, 0.0], [0.0, 0.0, 0.5]]])
    >>> orthogonalize(stack / 6, 12, (1.5, -0.5, 0.0)).round(3) + 0.0
    array([[[0.6, 0.8, 0. ],
            [0. , 0. , 1. ]]])

    Args:
        stack: the matrices, of shape (n, rows, columns) with no more rows than columns and norms of at most 1; their
            memory is used as scratch space.
        steps: the number of iterations.
        coefficients: a, b and c.
    """
    a, b, c = coefficients
    empty, multiply = backend_of(stack).xp.empty, backend_of(stack).xp.matmul
    count, rows, _ = stack.shape
    square, fourth = (empty((count, rows, rows), stack.dtype) for _ in range(2))
    other = empty(stack.shape, stack.dtype)
    diagonal = fourth.reshape(count, -1)[:, :: rows + 1]
    for _ in range(steps):
        # NumPy recognizes a product with the transpose of the same memory, and computes half of it.
        multiply(stack, stack.transpose(0, 2, 1), out=square)
        multiply(square, square.transpose(0, 2, 1), out=fourth)
        square *= b
        fourth *= c
        fourth += square
        diagonal += a
        multiply(fourth, stack, out=other)
        stack, other = other, stack
    return stack
