"""Reductions, which are all that a rule may use beside element-wise operations: norms, sums, means and maxima.

Floating-point sums depend on the order of their terms. Here the order is fixed, and is the same for every emitter,
array layout and number of threads: the elements, in C order, are divided into blocks; in a block, lane j of ``LANES``
sums the terms of elements j, j + ``LANES``, …; then the lanes are added one after the other, then the blocks, and then
the parameters of a call. All of this happens in float64, and the result is rounded to the dtype of the array.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NoReturn, get_args

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.backend import Host, backend_of
from mxcore.kernel.run.layout import Sections, in_parts, parts_of

BLOCK = 4096
"""Elements whose terms are summed before other blocks are added."""
LANES = 64
"""How many partial sums a block has, side by side."""
Over = Literal["parameter", "row", "all"]
"""What a reduction covers: a parameter, each of its rows, or all parameters of a call. A row is what one index of the
first axis selects; arrays with fewer than two axes are a single row."""


@attrs.frozen(eq=False)
class Kind:
    """A kind of reduction.

    Args:
        combine: combines terms, and results of blocks.
        start: its neutral element.
        term: the term of one element, from its value in each array.
        finish: turns the result and the number of elements into the value of the reduction.
        combine_numbers: what ``combine`` does, for two Python numbers.
        finish_number: what ``finish`` does, for Python numbers of which the second is above 0.
    """

    combine: np.ufunc
    start: float
    term: Callable[..., Any]
    finish: Callable[[Any, Any], Any]
    combine_numbers: Callable[[float, float], float]
    finish_number: Callable[[float, int], float]


def _itself(x: Any, *_: Any) -> Any:
    return x


def _root(x: Any, *_: Any) -> Any:
    return np.sqrt(x)


def _larger(x: float, y: float) -> float:
    return x if x >= y or x != x else y


KINDS = {
    "norm": Kind(np.add, 0.0, np.square, _root, operator.add, lambda x, _: math.sqrt(x)),
    "sum": Kind(np.add, 0.0, _itself, _itself, operator.add, _itself),
    "mean": Kind(np.add, 0.0, _itself, np.divide, operator.add, operator.truediv),
    "dot": Kind(np.add, 0.0, np.multiply, _itself, operator.add, _itself),
    "max": Kind(np.maximum, -np.inf, _itself, _itself, _larger, _itself),
}
"""The reductions by name."""


def norm(x: Any, *, over: Over = "parameter") -> Any:
    r"""Return :math:`\sqrt{\sum_i x_i^2}`, in the dtype of ``x``. For use in rules.

    >>> import numpy as np
    >>> norm(np.array([[3.0], [4.0]], np.float32))
    np.float32(5.0)
    >>> norm(np.array([[3.0, 4.0], [0.0, 1.0]]), over="row")
    array([[5.],
           [1.]])

    Args:
        x: an array of any shape, or a value that a rule has computed from arrays.
        over: the elements that are summed: those of a ``"parameter"``, of each of its rows (``"row"``), or of ``"all"``
            parameters of a call. A row is what an index of the first axis selects; a vector is one. The result has the
            axes of ``x``, of length 1.

    Returns:
        The norm, 0 for an empty array, inf if squares exceed float64. Complex numbers count as two real ones.
    """
    return _reduced("norm", over, x)


def sum(x: Any, *, over: Over = "parameter") -> Any:
    r"""Return :math:`\sum_i x_i`; of a mask, the number of true elements. See :func:`norm`.

    >>> import numpy as np
    >>> sum(np.array([3.0, 4.0])), sum(np.array([True, False, True]))
    (np.float64(7.0), 2.0)
    """
    return _reduced("sum", over, x)


def mean(x: Any, *, over: Over = "parameter") -> Any:
    r"""Return the mean of the elements; of a mask, the proportion of true elements. See :func:`norm`.

    The mean of an empty array is NaN.

    >>> import numpy as np
    >>> mean(np.array([3.0, 4.0]))
    np.float64(3.5)
    """
    return _reduced("mean", over, x)


def dot(x: Any, y: Any, *, over: Over = "parameter") -> Any:
    r"""Return :math:`\sum_i x_i y_i`, with products in float64. See :func:`norm`.

    >>> import numpy as np
    >>> dot(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
    np.float64(11.0)
    """
    return _reduced("dot", over, x, y)


def max(x: Any, *, over: Over = "parameter") -> Any:
    r"""Return the largest element; NaN if one is NaN, and -inf if there is none. See :func:`norm`.

    >>> import numpy as np
    >>> max(abs(np.array([3.0, -4.0])))
    np.float64(4.0)
    """
    return _reduced("max", over, x)


# --- on arrays -------------------------------------------------------------------------------------------------------


def _reduced(name: str, over: Over, *arrays: Any) -> Any:
    """Reduce arrays, or record a reduction of symbols."""
    if over not in get_args(Over):
        raise ValueError(f"over must be one of {', '.join(map(repr, get_args(Over)))}, got {over!r}")
    for one in arrays:
        if hasattr(one, "_reduce"):
            return one._reduce(name, over, arrays)
    given = [np.asarray(one) if isinstance(one, (np.generic, float, int)) else one for one in arrays]
    backend, shape = backend_of(given[0]), given[0].shape
    parts = [in_parts(np.ascontiguousarray(backend.to_host(one)).reshape(-1)) for one in given]
    value = _value(name, over, shape, parts_of(given[0]), parts)
    if (noted := _context.get()[3]) is not None:
        noted.append(float(value[0]) if len(value) else math.nan)
    value = value.reshape(-1, *[1] * (len(shape) - 1))[: shape[0]] if over == "row" and len(shape) > 1 else value[0]
    dtype = _context.get()[1]
    if parts[0].dtype == np.bool_ and dtype is None:
        from mxcore.kernel.rule.operand import weak  # here, since it loads the tables of the language

        return weak(value) if value.ndim == 0 else value  # a number that does not widen other arrays
    with np.errstate(over="ignore"):
        value = value.astype(parts[0].dtype if dtype is None else dtype)
    return value if backend.xp is np else backend.from_host(value, backend.device_of(given[0]))


def _value(name: str, over: Over, shape: tuple[int, ...], each: int, parts: Sequence[Host]) -> Any:
    """Return the values of a reduction of vectors, from arrays of some shape, in float64: one, or one for each row."""
    model, _, by_row, _ = _context.get()
    sections = Sections.of(shape, by_row=by_row or over == "row", parts=each)
    blocks = [partials(name, *(part[begin:end] for part in parts)) for begin, end in sections.bounds()]
    if over == "row":
        return finished(name, np.array([in_order(name, some) for some in blocks]), sections.length)
    found, count = total(name, np.concatenate(blocks)), parts[0].size
    value = model(name, found, count) if over == "all" else finished(name, found, count)
    return np.reshape(value, 1)


def finished(name: str, totals: Any, count: Any) -> Any:
    """Return the value of a reduction, in float64, from its total and the number of elements."""
    with np.errstate(all="ignore"):
        return np.asarray(KINDS[name].finish(totals, count), np.float64)


def _alone(name: str, total: float, count: int) -> Any:
    """Return the value of a reduction over all parameters if there is only one."""
    return finished(name, total, count)


Model = Callable[[str, float, int], Any]
_context = contextvars.ContextVar[tuple[Model, Any, bool, list[float] | None]](
    "context", default=(_alone, None, False, None)
)


@contextlib.contextmanager
def among(
    model: Model, dtype: npt.DTypeLike, *, by_row: bool = False, noted: list[float] | None = None
) -> Iterator[None]:
    """Reduce arrays of one parameter among several in the block.

    Args:
        model: ``model(name, total, count)`` returns the value of a reduction over all parameters; it receives what this
            parameter contributes.
        dtype: the dtype of the rule's arrays.
        by_row: whether the rule reduces rows, so that blocks end with rows.
        noted: where to add the value of each reduction before it is rounded; of several rows, the first.
    """
    token = _context.set((model, dtype, by_row, noted))
    try:
        yield
    finally:
        _context.reset(token)


def refused(name: str, *_: object) -> NoReturn:
    """Refuse a reduction over all parameters where they are updated one by one."""
    raise TypeError(f'{name}(…, over="all") needs all parameters at once, which array code does not update together')


# --- in blocks -------------------------------------------------------------------------------------------------------


def partials(name: str, *arrays: Host) -> npt.NDArray[np.float64]:
    """Return what each block of vectors contributes to a reduction."""
    kind = KINDS[name]
    with np.errstate(all="ignore"):
        terms = np.asarray(kind.term(*(one.astype(np.float64) for one in arrays)), np.float64)
        whole = terms.size // BLOCK * BLOCK
        lanes = kind.combine.reduce(terms[:whole].reshape(-1, BLOCK // LANES, LANES), axis=1)
        found = [*kind.combine.accumulate(lanes, axis=1)[:, -1]] if whole else []
        if rest := terms.size - whole:
            last = np.full((-(-rest // LANES), LANES), kind.start)
            last.reshape(-1)[:rest] = terms[whole:]
            found.append(in_order(name, kind.combine.reduce(last, axis=0)))
    return np.array(found)


def in_order(name: str, terms: npt.NDArray[np.float64]) -> Any:
    """Combine from the first term to the last, which ``accumulate`` guarantees; NumPy's sums group their terms."""
    return KINDS[name].combine.accumulate(terms)[-1] if terms.size else np.float64(KINDS[name].start)


def total(name: str, terms: npt.NDArray[np.float64]) -> float:
    """Return what terms are together, in this order, without warnings."""
    with np.errstate(all="ignore"):
        return float(in_order(name, terms))
