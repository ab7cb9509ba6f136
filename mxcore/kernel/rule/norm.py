"""The Euclidean norm of an array: the only reduction over a whole parameter that a rule may use.

Floating-point sums depend on the order of their terms. Here the order is fixed, and is the same for every emitter,
array layout and number of threads: the elements, in C order, are divided into chunks; in a chunk, lane j of ``LANES``
sums the squares of elements j, j + ``LANES``, …; then the lanes are added one after the other, and then the chunks.
All of this happens in float64, and the root is rounded to the dtype of the array.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array, Host, backend_of

CHUNK = 32768
"""Elements in a chunk, the unit of sums and of work for threads. A few chunks of float32 fit into a cache."""
LANES = 64
"""How many partial sums a chunk has, side by side."""


@functools.singledispatch
def norm(x: Array) -> Any:
    r"""Return :math:`\sqrt{\sum_i x_i^2}` over a whole parameter, in the dtype of ``x``. For use in rules.

    Values that depend only on norms and numbers, such as a ratio of norms, are computed once per parameter. A rule with
    norms takes two passes over the elements, and one more for each norm that depends on another norm.

    >>> import numpy as np
    >>> norm(np.array([[3.0], [4.0]], np.float32))
    np.float32(5.0)

    Args:
        x: an array of any shape, or a value that a rule has computed from arrays.

    Returns:
        The norm, which is 0 for an empty array, and inf if the squares of ``x`` exceed the range of float64.
    """
    array = np.asarray(x) if isinstance(x, np.generic) else x
    backend = backend_of(array)
    host = np.ascontiguousarray(backend.to_host(array)).reshape(-1)
    partials = np.array([sum_of_squares(host[begin : begin + CHUNK]) for begin in range(0, host.size, CHUNK)])
    with np.errstate(over="ignore"):
        value = host.dtype.type(np.sqrt(_in_order(partials)))
    return value if backend.xp is np else backend.from_host(value, backend.device_of(array))


def sum_of_squares(chunk: Host) -> float:
    """Return the sum of the squares of at most ``CHUNK`` contiguous elements."""
    squares = np.zeros((-(-chunk.size // LANES), LANES))
    squares.reshape(-1)[: chunk.size] = chunk
    np.multiply(squares, squares, out=squares)
    return _in_order(np.add.reduce(squares, axis=0))


def _in_order(terms: npt.NDArray[np.float64]) -> float:
    """Sum strictly from the first term to the last, which ``accumulate`` guarantees; NumPy's sums group their terms."""
    return float(np.add.accumulate(terms)[-1]) if terms.size else 0.0


class Norms:
    """The norms of the parameters of a plan: sums of squares by chunk, and their totals.

    Args:
        chunks: (tensor, from, to) for every chunk, in order.
        tensors: how many parameters there are.
        width: how many norms each of them has.
        dtype: the dtype of the arrays.
    """

    def __init__(self, chunks: npt.NDArray[np.int64], tensors: int, width: int, dtype: npt.DTypeLike) -> None:
        self.tensor_of = np.ascontiguousarray(chunks[:, 0])
        self.partials = np.zeros((len(chunks), width))
        self.values = np.zeros((tensors, width), dtype)

    def finish(self, columns: range) -> None:
        """Compute the norms of the parameters from the sums of the chunks; ``add.at`` adds in order."""
        with np.errstate(over="ignore"):
            for column in columns:
                sums = np.zeros(len(self.values))
                np.add.at(sums, self.tensor_of, np.ascontiguousarray(self.partials[:, column]))
                self.values[:, column] = np.sqrt(sums)
