"""Reductions, which are all that a rule may use beside element-wise operations: norms, sums, means and maxima.

Floating-point sums depend on the order of their terms. Here the order is fixed, and is the same for every emitter,
array layout and number of threads: the elements, in C order, are divided into blocks; in a block, lane j of ``LANES``
sums the terms of elements j, j + ``LANES``, …; then the lanes are added one after the other, then the blocks, and then
the parameters of a call. All of this happens in float64, and the result is rounded to the dtype of the array.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NoReturn, get_args

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.backend import Host, backend_of
from mxcore.kernel.run.layout import Sections

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
            parameters of a call. Rows are what the indices of the first axis select: output channels, or the vectors of
            an embedding; a vector is a single row. The result has the axes of ``x``, of length 1, so that it can be
            combined with ``x``.

    Returns:
        The norm, which is 0 for an empty array, and inf if the squares of ``x`` exceed the range of float64.
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
    parts = [np.ascontiguousarray(backend.to_host(one)).reshape(-1) for one in given]
    value = _value(name, over, shape, parts)
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


def _value(name: str, over: Over, shape: tuple[int, ...], parts: Sequence[Host]) -> Any:
    """Return the values of a reduction of vectors, from arrays of some shape, in float64: one, or one for each row."""
    model, _, by_row, _ = _context.get()
    sections = Sections.of(shape, by_row=by_row or over == "row")
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


class Reduced:
    """The reductions of the parameters of a plan: what the blocks contribute, and the values.

    Args:
        names: the kind of each reduction, and what it covers.
        sections: the rows of each parameter, or the parameter as a whole.
        blocks: the (parameter, begin, end, section) of each block, in order.
        dtype: the dtype of the arrays.
    """

    def __init__(
        self,
        names: Sequence[tuple[str, str]],
        sections: Sequence[Sections],
        blocks: npt.NDArray[np.int64],
        dtype: npt.DTypeLike,
    ) -> None:
        self.names = names
        self.tensor_of, self.section_of = (np.ascontiguousarray(blocks[:, column]) for column in (0, 3))
        self.partials = np.zeros((len(blocks), len(names)))
        counts = [one.count for one in sections]
        self.owner = np.repeat(np.arange(len(sections)), counts)
        self.lengths = {
            "row": np.repeat([one.length for one in sections], counts),
            "parameter": np.array([one.count * one.length for one in sections], np.int64),
        }
        each = np.arange(len(sections))
        self.is_plain = np.array_equal(self.tensor_of, each) and np.array_equal(self.owner, each)
        """Whether each parameter is a single block, and a single section."""
        self.totals = np.zeros((len(sections), len(names)))
        """What each parameter contributes to reductions over all of them, in float64."""
        self.exact = np.zeros((len(self.owner), len(names)))
        """The values in float64, for each section."""
        self.values = np.zeros((len(self.owner), len(names)), dtype)
        """The values as kernels read them."""
        for column, (name, _) in enumerate(names):
            if name == "size":
                with np.errstate(over="ignore"):
                    self._set(column, self.lengths["parameter"][self.owner])

    def finish(self, columns: range) -> None:
        """Compute the reductions of the parameters from their blocks, which are combined in order."""
        with np.errstate(all="ignore"):
            for column in columns:
                name, over = self.names[column]
                totals = self._combined(KINDS[name], over == "row", self.partials[:, column])
                if over == "all":
                    self.totals[:, column] = totals
                else:
                    value = KINDS[name].finish(totals, self.lengths[over])
                    self._set(column, value if over == "row" or self.is_plain else value[self.owner])

    def _combined(self, kind: Kind, by_row: bool, partials: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.is_plain:
            found: npt.NDArray[np.float64] = kind.combine(kind.start, partials)
            return found
        of_block, count = (self.section_of, len(self.owner)) if by_row else (self.tensor_of, len(self.totals))
        totals = np.full(count, kind.start)
        kind.combine.at(totals, of_block, np.ascontiguousarray(partials))  # which goes in order
        return totals

    def contributed(self, column: int) -> npt.NDArray[np.float64]:
        """Return what each parameter contributes to a reduction over all of them."""
        return self.totals[:, column]

    def total(self, column: int) -> float:
        """Return what they contribute together, from the first parameter to the last."""
        return total(self.names[column][0], self.totals[:, column])

    def fill(self, column: int, total: float, count: int) -> None:
        """Set a reduction over all parameters, from what they contribute together."""
        with np.errstate(all="ignore"):
            self._set(column, finished(self.names[column][0], np.float64(total), count))

    def _set(self, column: int, value: Any) -> None:
        self.exact[:, column] = value
        self.values[:, column] = value


class FewReduced(Reduced):
    """The same for a few parameters of one block each: Python numbers are faster than arrays of so few."""

    MOST = 16
    """The number of parameters from which arrays are faster."""

    def __init__(
        self,
        names: Sequence[tuple[str, str]],
        sections: Sequence[Sections],
        blocks: npt.NDArray[np.int64],
        dtype: npt.DTypeLike,
    ) -> None:
        super().__init__(names, sections, blocks, dtype)
        self._sizes: list[int] = self.lengths["parameter"].tolist()
        # Written through ctypes, which is faster than assigning to an array.
        doubles: Any = ctypes.c_double * self.partials.size
        rounded: Any = doubles if self.values.dtype == np.float64 else ctypes.c_float * self.partials.size
        self._partials, self._exact = doubles.from_buffer(self.partials), doubles.from_buffer(self.exact)
        self._values = rounded.from_buffer(self.values)
        self._views = [self.exact[:, column] for column in range(len(names))]
        self._places = [range(column, self.partials.size, len(names)) for column in range(len(names))]

    def finish(self, columns: range) -> None:
        """See :class:`Reduced`."""
        for column in columns:
            name, over = self.names[column]
            if over != "all":
                kind = KINDS[name]
                combine, start, finish = kind.combine_numbers, kind.start, kind.finish_number
                partials, exact, values = self._partials, self._exact, self._values
                for at, size in zip(self._places[column], self._sizes, strict=True):
                    exact[at] = values[at] = finish(combine(start, partials[at]), size)

    def contributed(self, column: int) -> npt.NDArray[np.float64]:
        """See :class:`Reduced`."""
        kind = KINDS[self.names[column][0]]
        found: npt.NDArray[np.float64] = kind.combine(kind.start, self.partials[:, column])
        return found

    def total(self, column: int) -> float:
        """See :class:`Reduced`."""
        kind = KINDS[self.names[column][0]]
        return functools.reduce(kind.combine_numbers, self._partials[column :: len(self.names)], kind.start)

    def fill(self, column: int, total: float, count: int) -> None:
        """See :class:`Reduced`."""
        value = KINDS[self.names[column][0]].finish_number(total, count)
        values = self._values
        for at in self._places[column]:
            values[at] = value
        self._views[column][...] = value


def reduced(
    names: Sequence[tuple[str, str]], sections: Sequence[Sections], blocks: npt.NDArray[np.int64], dtype: npt.DTypeLike
) -> Reduced:
    """Return the place for the reductions of a plan, whose arguments are those of :class:`Reduced`."""
    found = Reduced(names, sections, blocks, dtype)
    few = found.is_plain and 0 < len(sections) <= FewReduced.MOST and names
    return FewReduced(names, sections, blocks, dtype) if few else found
