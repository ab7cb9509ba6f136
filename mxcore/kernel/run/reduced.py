"""The reductions of a plan over host arrays: what the blocks contribute, and the values."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.kernel.rule.reduction import KINDS, Kind, finished, total
from mxcore.kernel.run.layout import Sections


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
        # Not with np.array_equal, which would swallow what a signal handler raises.
        self.is_plain = self.tensor_of.tolist() == self.owner.tolist() == list(range(len(sections)))
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

    def exactly(self, section: int) -> Iterable[float]:
        """Return the values for a section, in float64."""
        found: npt.NDArray[np.float64] = self.exact[section]
        return found

    def contributed(self, column: int) -> npt.NDArray[np.float64]:
        """Return what each parameter contributes to a reduction over all of them."""
        return self.totals[:, column]

    def fold(self, columns: Sequence[int], count: int) -> None:
        """Set reductions over all parameters if these are all, from the first one to the last."""
        for column in columns:
            self.fill(column, total(self.names[column][0], self.totals[:, column]), count)

    def fill(self, column: int, total: float, count: int) -> None:
        """Set a reduction over all parameters, from what they contribute together."""
        with np.errstate(all="ignore"):
            self._set(column, finished(self.names[column][0], np.float64(total), count))

    def by_block(self, column: int) -> list[npt.NDArray[np.float64]]:
        """Return what the blocks of each parameter contribute to a reduction."""
        ends = np.searchsorted(self.tensor_of, np.arange(1, len(self.totals)))
        return np.split(self.partials[:, column].copy(), ends)

    def fill_each(self, column: int, totals: Any, counts: Any) -> None:
        """Set a reduction, from totals and numbers of elements: one of each, or one for each parameter."""
        with np.errstate(all="ignore"):
            value = KINDS[self.names[column][0]].finish(np.float64(totals), counts)
        self._set(column, value[self.owner] if np.ndim(value) else value)

    def _set(self, column: int, value: Any) -> None:
        self.exact[:, column] = value
        self.values[:, column] = value


class FewReduced(Reduced):
    """The same for a few parameters of one block each: Python numbers are faster than arrays of so few."""

    MOST = 16
    """The number of parameters from which arrays are faster."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        names = self.names
        self._sizes: list[int] = self.lengths["parameter"].tolist()
        # Written through ctypes, which is faster than assigning to an array.
        doubles: Any = ctypes.c_double * self.partials.size
        rounded: Any = doubles if self.values.dtype == np.float64 else ctypes.c_float * self.partials.size
        self._partials, self._exact = doubles.from_buffer(self.partials), doubles.from_buffer(self.exact)
        self._values = rounded.from_buffer(self.values)
        kinds = [KINDS.get(name, KINDS["sum"]) for name, _ in names]  # the size of a parameter is never measured
        self._kinds = [(kind.combine_numbers, kind.start, kind.finish_number) for kind in kinds]
        self._views = [self.exact[:, column] for column in range(len(names))]
        self._places = [range(column, self.partials.size, len(names)) for column in range(len(names))]

    def finish(self, columns: range) -> None:
        """See :class:`Reduced`."""
        for column in columns:
            if self.names[column][1] != "all":
                combine, start, finish = self._kinds[column]
                partials, exact, values = self._partials, self._exact, self._values
                for at, size in zip(self._places[column], self._sizes, strict=True):
                    exact[at] = values[at] = finish(combine(start, partials[at]), size)

    def exactly(self, section: int) -> Iterable[float]:
        """See :class:`Reduced`."""
        width = len(self.names)
        values: list[float] = self._exact[section * width : (section + 1) * width]
        return values

    def contributed(self, column: int) -> npt.NDArray[np.float64]:
        """See :class:`Reduced`."""
        kind = KINDS[self.names[column][0]]
        found: npt.NDArray[np.float64] = kind.combine(kind.start, self.partials[:, column])
        return found

    def fold(self, columns: Sequence[int], count: int) -> None:
        """See :class:`Reduced`."""
        for column in columns:
            combine, start, finish = self._kinds[column]
            total = functools.reduce(combine, self._partials[column :: len(self.names)], start)
            self._fill(column, finish(total, count))

    def fill(self, column: int, total: float, count: int) -> None:
        """See :class:`Reduced`."""
        self._fill(column, self._kinds[column][-1](total, count))

    def _fill(self, column: int, value: float) -> None:
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
