"""Batches, their descriptions, and the base class of iterators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["Array", "DataBatch", "DataDesc", "DataIter", "Rows"]

Array: TypeAlias = Any  # a NumPy or CuPy array
Rows: TypeAlias = npt.NDArray[np.int64]


class _NameAndShape(NamedTuple):
    name: str
    shape: tuple[int, ...]


class DataDesc(_NameAndShape):
    """The name, shape, dtype and layout of an array in a batch.

    It unpacks and compares like the pair ``(name, shape)``, so a plain pair works wherever a DataDesc does.

    Args:
        name: the variable of the network that the array is for.
        shape: the shape of a whole batch, with the batch size first.
        dtype: the dtype.
        layout: one letter per axis; ``N`` is the batch.

    Example:
        >>> desc = DataDesc("data", (32, 784))
        >>> name, shape = desc
        >>> desc == ("data", (32, 784)), desc.dtype.__name__, desc.layout
        (True, 'float32', 'NCHW')
    """

    dtype: Any
    layout: str

    def __new__(
        cls, name: str, shape: Sequence[int], dtype: npt.DTypeLike = np.float32, layout: str = "NCHW"
    ) -> DataDesc:
        """Create the pair, and attach the fields that comparisons ignore."""
        desc = super().__new__(cls, name, tuple(shape))
        desc.dtype = dtype
        desc.layout = layout
        return desc

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Return the arguments of ``__new__`` for copying and pickling."""
        return self.name, self.shape, self.dtype, self.layout

    def __repr__(self) -> str:
        """Show all four fields."""
        return f"DataDesc[{self.name},{self.shape},{np.dtype(self.dtype)},{self.layout}]"

    @staticmethod
    def get_batch_axis(layout: str | None) -> int:
        """Return the batch axis: 0 without a layout, -1 if the layout has none.

        Example:
            >>> DataDesc.get_batch_axis("TNC"), DataDesc.get_batch_axis(None)
            (1, 0)
        """
        return 0 if layout is None else layout.find("N")

    @staticmethod
    def get_list(shapes: Sequence[tuple[str, Sequence[int]]], types: Any = None) -> list[DataDesc]:
        """Return descriptions, given pairs of names and shapes, and of names and dtypes.

        Example:
            >>> DataDesc.get_list([("data", (2, 3))], [("data", "int32")])
            [DataDesc[data,(2, 3),int32,NCHW]]
        """
        if types is None:
            return [DataDesc(name, shape) for name, shape in shapes]
        dtypes = dict(types)
        return [DataDesc(name, shape, dtypes[name]) for name, shape in shapes]


def _check_arrays(_: DataBatch, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, (list, tuple)):
        raise TypeError(
            f"{attribute.name} of a DataBatch must be a list of arrays, got {type(value).__name__}: "
            f"write {attribute.name}=[array]"
        )


@attrs.define(slots=False, eq=False, repr=False)
class DataBatch:
    """A batch: the arrays for the inputs and labels of a network.

    Args:
        data: the input arrays, in the order of ``provide_data``.
        label: the label arrays, in the order of ``provide_label``, or None.
        pad: how many rows at the end are padding.
        index: the row number of each sample in the data set, if known.
        bucket_key: the bucket that the batch belongs to, for networks of variable length.
        provide_data: the descriptions of ``data``, if they differ from the iterator's.
        provide_label: the descriptions of ``label``, likewise.

    Raises:
        TypeError: if ``data`` or ``label`` is a bare array instead of a list.

    Example:
        >>> DataBatch([np.zeros((4, 2))], label=[np.zeros(4)])
        DataBatch: data shapes: [(4, 2)] label shapes: [(4,)]
    """

    data: Sequence[Array] = attrs.field(validator=_check_arrays)
    label: Sequence[Array] | None = attrs.field(default=None, validator=_check_arrays)
    pad: int | None = None
    index: Rows | None = None
    bucket_key: object = None
    provide_data: list[DataDesc] | None = None
    provide_label: list[DataDesc] | None = None

    def __repr__(self) -> str:
        """Show the shapes, not the values."""
        data, label = ([getattr(a, "shape", None) for a in arrays or ()] for arrays in (self.data, self.label))
        return f"DataBatch: data shapes: {data} label shapes: {label if self.label is not None else None}"


class DataIter:
    """The base class of iterators over batches.

    A subclass defines ``provide_data`` and ``provide_label``, and either overrides :meth:`next` or defines
    :meth:`iter_next`, :meth:`getdata` and, if needed, :meth:`getlabel`, :meth:`getpad` and :meth:`getindex`.

    Args:
        batch_size: the number of samples in a batch.

    Example:
        >>> class Twice(DataIter):
        ...     provide_data = [DataDesc("data", (1,))]
        ...     count = 0
        ...     def reset(self): self.count = 0
        ...     def iter_next(self):
        ...         self.count += 1
        ...         return self.count <= 2
        ...     def getdata(self): return [np.array([self.count])]
        >>> [batch.data[0].item() for batch in Twice(batch_size=1)]
        [1, 2]
    """

    def __init__(self, batch_size: int = 0) -> None:
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[DataBatch]:
        """Continue from the current position; call :meth:`reset` to start over."""
        return self

    def __next__(self) -> DataBatch:
        """Return the next batch."""
        return self.next()

    def reset(self) -> None:
        """Go back to the start for the next epoch."""

    def next(self) -> DataBatch:
        """Return the next batch.

        Raises:
            StopIteration: at the end of the epoch.
        """
        if not self.iter_next():
            raise StopIteration
        return DataBatch(self.getdata(), self.getlabel(), pad=self.getpad(), index=self.getindex())

    def iter_next(self) -> bool:
        """Move to the next batch; return False if there is none."""
        raise NotImplementedError(f"{type(self).__name__} must define iter_next (or override next)")

    def getdata(self) -> list[Array]:
        """Return the input arrays of the current batch."""
        raise NotImplementedError(f"{type(self).__name__} must define getdata (or override next)")

    def getlabel(self) -> list[Array] | None:
        """Return the label arrays of the current batch; None by default."""
        return None

    def getpad(self) -> int:
        """Return how many rows at the end of the current batch are padding; 0 by default."""
        return 0

    def getindex(self) -> Rows | None:
        """Return the row numbers of the current batch; None by default."""
        return None
