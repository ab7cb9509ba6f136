"""Iterators around other iterators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from mxcore_module.io.batch import Array, DataBatch, DataDesc, DataIter, Rows

__all__ = ["PrefetchingIter", "ResizeIter"]


class _Current(DataIter):
    """An iterator whose current batch is that of another."""

    current_batch: Any = None
    """The batch that was read last, a :class:`DataBatch`."""

    def next(self) -> DataBatch:
        """Return the next batch.

        Raises:
            StopIteration: at the end of the epoch.
        """
        if not self.iter_next():
            raise StopIteration
        batch: DataBatch = self.current_batch
        return batch

    def getdata(self) -> list[Array]:
        """Return the input arrays of the current batch."""
        return list(self.current_batch.data)

    def getlabel(self) -> list[Array] | None:
        """Return the label arrays of the current batch."""
        return None if self.current_batch.label is None else list(self.current_batch.label)

    def getindex(self) -> Rows | None:
        """Return the row numbers of the current batch, if they are known."""
        index: Rows | None = self.current_batch.index
        return index

    def getpad(self) -> int:
        """Return how many rows at the end of the current batch are padding."""
        return self.current_batch.pad or 0


class ResizeIter(_Current):
    """Epochs of a given number of batches from another iterator, which starts over when it ends.

    >>> import numpy as np, mxcore as mx
    >>> batches = mx.io.ResizeIter(mx.io.NDArrayIter(np.arange(4), batch_size=2), size=3)
    >>> [batch.data[0].tolist() for batch in batches]
    [[0.0, 1.0], [2.0, 3.0], [0.0, 1.0]]

    Args:
        data_iter: the iterator.
        size: the number of batches in an epoch.
        reset_internal: whether ``reset`` resets ``data_iter``, too.
    """

    def __init__(self, data_iter: Any, size: int, reset_internal: bool = True) -> None:
        super().__init__(data_iter.batch_size)
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        self.provide_data = data_iter.provide_data
        self.provide_label = data_iter.provide_label
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    def reset(self) -> None:
        """Start the next epoch."""
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self) -> bool:
        """Move to the next batch; return False at the end of the epoch."""
        if self.cur == self.size:
            return False
        try:
            self.current_batch = self.data_iter.next()
        except StopIteration:
            self.data_iter.reset()
            self.current_batch = self.data_iter.next()
        self.cur += 1
        return True


class PrefetchingIter(_Current):
    """The batches of one or several iterators, side by side, each fetched by a thread while the last one is used.

    >>> import numpy as np, mxcore as mx
    >>> x, y = mx.io.NDArrayIter({"x": np.arange(4)}, batch_size=2), mx.io.NDArrayIter({"y": np.ones(4)}, batch_size=2)
    >>> both = mx.io.PrefetchingIter([x, y], rename_data=[{"x": "left"}, {"y": "right"}])
    >>> [desc.name for desc in both.provide_data]
    ['left', 'right']
    >>> [[array.tolist() for array in batch.data] for batch in both]
    [[[0.0, 1.0], [1.0, 1.0]], [[2.0, 3.0], [1.0, 1.0]]]

    Args:
        iters: an iterator, or a list of iterators with the same number of batches.
        rename_data: for each iterator, new names of its data by their old ones.
        rename_label: likewise for labels.

    Raises:
        ValueError: there is no iterator, or, while reading, one ends before another.
    """

    def __init__(
        self,
        iters: Any,
        rename_data: Sequence[Mapping[str, str]] | None = None,
        rename_label: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self.iters = list(iters) if isinstance(iters, (list, tuple)) else [iters]
        if not self.iters:
            raise ValueError("PrefetchingIter needs at least one iterator")
        self.n_iter = len(self.iters)
        self.rename_data = rename_data
        self.rename_label = rename_label
        self.batch_size = self.provide_data[0].shape[0]
        self._threads = ThreadPoolExecutor(self.n_iter, "PrefetchingIter")
        self._coming: list[Future[DataBatch | None]] = []
        self._fetch()

    @property
    def provide_data(self) -> list[DataDesc]:
        """The descriptions of the data of all iterators."""
        return self._described("provide_data", self.rename_data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """The descriptions of the labels of all iterators."""
        return self._described("provide_label", self.rename_label)

    def _described(self, what: str, names: Sequence[Mapping[str, str]] | None) -> list[DataDesc]:
        found = []
        for number, one in enumerate(self.iters):
            for desc in getattr(one, what) or ():
                desc = desc if isinstance(desc, DataDesc) else DataDesc(*desc)
                name = desc.name if names is None else names[number][desc.name]
                found.append(DataDesc(name, desc.shape, desc.dtype, desc.layout))
        return found

    def _fetch(self) -> None:
        self._coming = [self._threads.submit(_next, one) for one in self.iters]

    def reset(self) -> None:
        """Start the next epoch of all iterators."""
        for one in self._coming:
            one.exception()  # waits: an iterator must not be reset while it is read
        for one in self.iters:
            one.reset()
        self._fetch()

    def iter_next(self) -> bool:
        """Move to the next batch; return False at the end of the epoch."""
        found = [one.result() for one in self._coming]
        batches = [one for one in found if one is not None]
        if len({one.pad for one in batches}) > 1 or len(batches) not in (0, self.n_iter):
            raise ValueError("the iterators have different numbers of rows: their batches do not belong together")
        if not batches:
            return False
        self.current_batch = DataBatch(
            [array for one in batches for array in one.data],
            [array for one in batches for array in one.label or ()],
            pad=batches[0].pad,
            index=batches[0].index,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
        self._fetch()
        return True


def _next(iterator: Any) -> DataBatch | None:
    try:
        batch: DataBatch = iterator.next()
    except StopIteration:  # which a future must not raise
        return None
    return batch
