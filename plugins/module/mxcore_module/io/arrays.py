"""Batches of arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

import mxcore.backend
import mxcore.random
from mxcore_module.arrays import readable
from mxcore_module.io.batch import Array, DataDesc, DataIter, Rows

__all__ = ["LAST_BATCH_HANDLES", "NDArrayIter"]

Named: TypeAlias = list[tuple[str, npt.NDArray[Any]]]

LAST_BATCH_HANDLES = ("pad", "discard", "roll_over")


def _host(name: str, values: object) -> npt.NDArray[Any]:
    """Return a copy on the host: an NDArray in its own dtype, and anything else in float32, as in MXNet."""
    on_device = hasattr(values, "__cuda_array_interface__")  # NumPy converts anything else: lists, tables, arrays
    dtype = values.dtype if type(values).__module__.startswith("mxcore_nd") else np.float32  # type: ignore[attr-defined]
    array = mxcore.backend.backend_of(values).to_host(values) if on_device else np.asarray(values)
    try:
        copy = np.array(array, dtype=dtype)  # a copy: the caller may change the original between epochs
    except (TypeError, ValueError):
        raise TypeError(f"{name!r} must be numbers, got an array of {array.dtype}") from None
    if copy.ndim == 0 or len(copy) == 0:
        raise ValueError(f"{name!r} has no rows (shape {copy.shape}): pass at least one sample")
    return copy


def _named(source: object, default_name: str) -> Named:
    """Return the arrays of ``source``, sorted by name: an array, a list of arrays, or a mapping from names."""
    if source is None:
        return []
    if isinstance(source, Mapping):
        pairs = list(source.items())
    elif not isinstance(source, (list, tuple)):
        pairs = [(default_name, source)]
    elif len(source) == 1:
        pairs = [(default_name, source[0])]
    else:
        pairs = [(f"_{i}_{default_name}", array) for i, array in enumerate(source)]
    return sorted(((str(name), _host(str(name), array)) for name, array in pairs), key=lambda pair: pair[0])


class NDArrayIter(DataIter):
    """Batches of arrays in memory.

    Every array is converted to a float32 NumPy array, except that NDArrays of ``mx.nd`` keep their dtype. Batches are
    copies.

    Args:
        data: the inputs, each of shape ``(rows, ...)``: an array, a list of arrays or a mapping from names to arrays.
        label: the labels, likewise, or None.
        batch_size: the number of rows in each batch.
        shuffle: whether each epoch visits the rows in a new random order.
        last_batch_handle: how to treat rows that do not fill a batch. ``"pad"``: pad the batch with the epoch's first
            rows, and set its ``pad`` to how many; ``"discard"``: leave them out of this epoch; ``"roll_over"``: start
            the next epoch with them.
        data_name: the name of a single input; several in a list are called ``_0_data``, ``_1_data``, …
        label_name: the name of a single label, likewise.
        layout: the layout of data and labels: rows are along its axis ``N``.
        seed: the seed of the order; by default, it depends on :func:`mxcore.random.seed`.
        num_parts: into how many parts to cut the rows, such as ``kv.num_workers``. All have the same number of rows, so
            that workers make the same number of steps; the rows that are left, fewer than parts, belong to none.
        part_index: which of them to use, such as ``kv.rank``.

    Attributes:
        idx: the row numbers in the order of this epoch.

    Raises:
        ValueError: if there is no data, if lengths differ, if a name is used twice, if ``last_batch_handle`` is
            unknown, or if ``batch_size`` is below 1 or, unless batches are padded, above the number of rows.
        TypeError: if an array does not hold numbers, or ``batch_size`` is not an integer.

    Example:
        >>> batches = NDArrayIter({"x": np.zeros((10, 3))}, batch_size=4, last_batch_handle="discard")
        >>> batches.provide_data
        [DataDesc[x,(4, 3),float32,NCHW]]
        >>> len(list(batches))
        2
    """

    def __init__(
        self,
        data: object,
        label: object = None,
        batch_size: int = 1,
        shuffle: bool = False,
        last_batch_handle: str = "pad",
        data_name: str = "data",
        label_name: str = "softmax_label",
        layout: str = "NCHW",
        seed: int | None = None,
        num_parts: int = 1,
        part_index: int = 0,
    ) -> None:
        super().__init__(batch_size)
        self.layout = layout
        self._axis = max(DataDesc.get_batch_axis(layout), 0)
        self.data = _named(data, data_name)
        self.label = _named(label, label_name)
        self.last_batch_handle = last_batch_handle
        self._check()
        self._cut(num_parts, part_index)
        self.num_data = self._length(self.data[0][1])
        self.shuffle = shuffle
        self._check_batch_size()
        # One generator per iterator, so that its order does not depend on other draws between epochs.
        self._generator = mxcore.random.next_generator("NDArrayIter") if seed is None else mxcore.random.Generator(seed)
        self._left_over = np.empty(0, np.int64)
        self._start_epoch()

    def _check(self) -> None:
        if self.last_batch_handle not in LAST_BATCH_HANDLES:
            raise ValueError(
                f"last_batch_handle must be one of {', '.join(LAST_BATCH_HANDLES)}, got {self.last_batch_handle!r}"
            )
        if not self.data:
            raise ValueError("data is empty: pass an array, a list of arrays or a mapping from names to arrays")
        named = self.data + self.label
        if len({self._length(array) for _, array in named}) > 1:
            lengths = ", ".join(f"{name!r} {self._length(array)}" for name, array in named)
            raise ValueError(f"all data and labels must have the same number of rows, got {lengths}")
        names = [name for name, _ in named]
        if len(set(names)) < len(names):
            raise ValueError(f"every array needs its own name, got {', '.join(names)}")

    def _cut(self, num_parts: int, part_index: int) -> None:
        """Keep the rows of one part."""
        rows = self._length(self.data[0][1])
        if not (1 <= num_parts <= max(rows, 1) and 0 <= part_index < num_parts):
            raise ValueError(
                f"num_parts must be in [1, {rows}] and part_index in [0, num_parts), got {num_parts} and {part_index}"
            )
        length = rows // num_parts
        if num_parts > 1:
            own = np.arange(part_index * length, (part_index + 1) * length)
            self.data, self.label = ([(name, self._rows_of(array, own)) for name, array in named]
                                     for named in (self.data, self.label))  # fmt: skip

    def _length(self, array: npt.NDArray[Any]) -> int:
        return array.shape[self._axis] if array.ndim > self._axis else 0

    def _rows_of(self, array: npt.NDArray[Any], rows: Rows) -> npt.NDArray[Any]:
        return array.take(rows, axis=self._axis)

    def _check_batch_size(self) -> None:
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, (int, np.integer)):
            raise TypeError(f"batch_size must be an integer, got {self.batch_size!r}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.last_batch_handle != "pad" and self.batch_size > self.num_data:
            raise ValueError(
                f"batch_size {self.batch_size} exceeds the {self.num_data} rows, so "
                f"last_batch_handle={self.last_batch_handle!r} would give no batch: lower it, or use 'pad'"
            )

    @property
    def provide_data(self) -> list[DataDesc]:
        """The descriptions of the inputs of every batch."""
        return self._describe(self.data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """The descriptions of the labels of every batch."""
        return self._describe(self.label)

    def _describe(self, named: Named) -> list[DataDesc]:
        axis = self._axis
        return [
            DataDesc(name, (*array.shape[:axis], self.batch_size, *array.shape[axis + 1 :]), array.dtype, self.layout)
            for name, array in named
        ]

    def _start_epoch(self) -> None:
        """Determine the rows of the whole epoch, a multiple of the batch size."""
        self.idx = new = self._generator.permutation(self.num_data) if self.shuffle else np.arange(self.num_data)
        rows = np.concatenate([self._left_over, new])
        spare = len(rows) % self.batch_size
        whole = len(rows) - spare
        self._left_over = rows[whole:] if self.last_batch_handle == "roll_over" else rows[:0]
        self._pad = 0
        if spare and self.last_batch_handle == "pad":
            self._pad = self.batch_size - spare
            rows = np.concatenate([rows, np.resize(rows, self._pad)])  # repeats them if there are too few
        else:
            rows = rows[:whole]
        self._rows = rows
        self._batch = -1

    @property
    def _batches(self) -> int:
        return len(self._rows) // self.batch_size

    def reset(self) -> None:
        """Start the next epoch. If the current epoch's first batch has not been read yet, nothing changes.

        With ``"roll_over"``, only a completed epoch passes rows on to the next.
        """
        if self._batch < 0:
            return
        if self._batch < self._batches - 1:
            self._left_over = self._left_over[:0]
        self._start_epoch()

    def hard_reset(self) -> None:
        """Start a new epoch, and discard rows that rolled over."""
        self._left_over = self._left_over[:0]
        self._start_epoch()

    def iter_next(self) -> bool:
        """Move to the next batch; return False at the end of the epoch."""
        self._batch = min(self._batch + 1, self._batches)
        return self._batch < self._batches

    def getindex(self) -> Rows:
        """Return the row numbers of the current batch, including padding: shape ``(batch_size,)``, int64."""
        start = self._batch * self.batch_size
        return self._rows[start : start + self.batch_size]

    def getdata(self) -> list[Array]:
        """Return the inputs of the current batch."""
        return [readable(self._rows_of(array, self.getindex())) for _, array in self.data]

    def getlabel(self) -> list[Array]:
        """Return the labels of the current batch; empty if there are none."""
        return [readable(self._rows_of(array, self.getindex())) for _, array in self.label]

    def getpad(self) -> int:
        """Return how many rows at the end of the current batch are padding."""
        return self._pad if self._batch == self._batches - 1 else 0
