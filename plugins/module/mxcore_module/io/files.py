"""Iterators over files: tables, MNIST's images, and LibSVM's sparse rows."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.random import Generator
from mxcore_module.arrays import readable
from mxcore_module.io.batch import Array, DataBatch, DataDesc, DataIter, Rows

__all__ = ["CSVIter", "LibSVMIter", "MNISTIter"]

Path = str | os.PathLike[str]
Host = npt.NDArray[Any]


class _FileIter(DataIter):
    """Batches of the rows of a file, all of which are in memory.

    Args:
        data: the inputs, a row for each sample.
        label: the labels, likewise.
        batch_size: the number of rows in a batch.
        last: what to do with rows that do not fill a batch: ``"round"`` to fill it with the first ones, which the next
            epoch then leaves out; ``"pad"`` to fill it with them, or ``"discard"``.
        names: the names of data and labels.
    """

    def __init__(self, data: Host, label: Host, batch_size: int, last: str, names: tuple[str, str]) -> None:
        super().__init__(int(batch_size))
        if not 1 <= self.batch_size <= len(data):
            raise ValueError(f"batch_size must be in [1, {len(data)}], the number of rows, got {batch_size}")
        if len(label) != len(data):
            raise ValueError(f"there are {len(data)} rows of data and {len(label)} of labels: they must be as many")
        self._data, self._label, self._last = data, label, last
        self.provide_data = [DataDesc(names[0], (self.batch_size, *data.shape[1:]), data.dtype)]
        self.provide_label = [DataDesc(names[1], (self.batch_size, *label.shape[1:]), label.dtype)]
        self._start = self._spent = 0
        self._rows: Rows = np.arange(0)

    def reset(self) -> None:
        """Start the next epoch."""
        ended = self._start >= len(self._data)
        self._start = self._start - len(self._data) if ended and self._last == "round" else 0

    def iter_next(self) -> bool:
        """Move to the next batch; return False at the end of the epoch."""
        end = self._start + self.batch_size
        if self._start >= len(self._data) or (self._last == "discard" and end > len(self._data)):
            return False
        self._rows = np.arange(self._start, end) % len(self._data)
        self._spent, self._start = max(end - len(self._data), 0), end
        return True

    def next(self) -> DataBatch:
        """Return the next batch.

        Raises:
            StopIteration: at the end of the epoch.
        """
        if not self.iter_next():
            raise StopIteration
        return DataBatch([self.getdata()], [self.getlabel()], pad=self.getpad(), index=self.getindex())

    def getdata(self) -> Array:
        """Return the data of the current batch, one array."""
        return readable(self._data[self._rows])

    def getlabel(self) -> Array:
        """Return the labels of the current batch, one array."""
        return readable(self._label[self._rows])

    def getpad(self) -> int:
        """Return how many rows at the end of the current batch are padding."""
        return self._spent

    def getindex(self) -> Rows:
        """Return the row numbers of the current batch."""
        return self._rows


def _shaped(what: str, table: Host, shape: Sequence[int] | int) -> Host:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if table[0].size != int(np.prod(shape)):
        raise ValueError(f"{what} is {shape}, but rows have {table[0].size} numbers")
    return table.reshape(len(table), *(() if shape == (1,) and what == "label_shape" else shape))


def _part(rows: Host, num_parts: int, part_index: int) -> Host:
    if not (1 <= num_parts <= len(rows) and 0 <= part_index < num_parts):
        raise ValueError(f"part_index must be in [0, num_parts), got {part_index} and {num_parts}")
    length = len(rows) // num_parts
    return rows[part_index * length : (part_index + 1) * length] if num_parts > 1 else rows


class CSVIter(_FileIter):
    r"""Batches of the rows of a table of numbers, separated by commas.

    >>> import mxcore as mx, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "table.csv")
    ...     with open(path, "w", encoding="utf-8") as file:
    ...         _ = file.write("1,2\n3,4\n5,6\n")
    ...     batches = mx.io.CSVIter(data_csv=path, data_shape=(2,), batch_size=2)
    >>> [(batch.data[0].tolist(), batch.pad) for batch in batches]
    [([[1.0, 2.0], [3.0, 4.0]], 0), ([[5.0, 6.0], [1.0, 2.0]], 1)]

    Args:
        data_csv: the file with the data.
        data_shape: the shape of a row of it.
        label_csv: the file with the labels; without one, they are 0.
        label_shape: the shape of a row of it.
        batch_size: the number of rows in a batch.
        round_batch: whether the next epoch leaves out the rows that have filled the last batch.
        dtype: the dtype of data and labels.
        data_name: the name of the data.
        label_name: the name of the labels.
        options: accepted for compatibility with MXNet: ``prefetch_buffer`` and ``ctx``.

    Raises:
        ValueError: a file does not hold numbers, or rows have another shape.
    """

    def __init__(
        self,
        data_csv: Path,
        data_shape: Sequence[int],
        label_csv: Path | None = None,
        label_shape: Sequence[int] = (1,),
        batch_size: int = 1,
        round_batch: bool = True,
        dtype: Any = np.float32,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **options: Any,
    ) -> None:
        _check_options("CSVIter", options)
        dtype = np.dtype(dtype or np.float32)
        data = _shaped("data_shape", _table(data_csv, dtype), data_shape)
        given = None if label_csv in (None, "NULL") else _table(label_csv or "", dtype)
        label = np.zeros(len(data), dtype) if given is None else _shaped("label_shape", given, label_shape)
        super().__init__(data, label, batch_size, "round" if round_batch else "pad", (data_name, label_name))


def _table(path: Path, dtype: Any) -> Host:
    try:
        return np.loadtxt(path, delimiter=",", ndmin=2).astype(dtype)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _check_options(who: str, options: dict[str, Any]) -> None:
    known = ("prefetch_buffer", "ctx", "preprocess_threads", "silent")
    if unknown := sorted(set(options) - set(known)):
        raise TypeError(f"{who} has no argument {', '.join(unknown)}")


class MNISTIter(_FileIter):
    """Batches of MNIST's images from the files of its page, which may be compressed by gzip. Pixels are in [0, 1).

    >>> import gzip, mxcore as mx, numpy as np, os, struct, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images, labels = (os.path.join(folder, name) for name in ("images.gz", "labels.gz"))
    ...     with gzip.open(images, "wb") as file:
    ...         _ = file.write(struct.pack(">4i", 2051, 2, 28, 28) + bytes(2 * 28 * 28))
    ...     with gzip.open(labels, "wb") as file:
    ...         _ = file.write(struct.pack(">2i", 2049, 2) + bytes([7, 3]))
    ...     batches = mx.io.MNISTIter(image=images, label=labels, batch_size=2, shuffle=False)
    >>> batches.provide_data, batches.next().label[0]
    ([DataDesc[data,(2, 1, 28, 28),float32,NCHW]], array([7., 3.], dtype=float32))

    Rows that do not fill a batch are left out.

    Args:
        image: the file with the images.
        label: the file with the labels.
        batch_size: the number of images in a batch.
        shuffle: whether to put the images into a random order, once.
        flat: whether an image is a vector instead of an array of shape ``(1, height, width)``.
        seed: the seed of the order.
        silent: accepted for compatibility with MXNet: nothing is printed.
        num_parts: into how many parts to cut the images.
        part_index: which of them to use.
        data_name: the name of the data.
        label_name: the name of the labels.
        options: accepted for compatibility with MXNet: ``prefetch_buffer`` and ``ctx``.

    Raises:
        ValueError: a file is not one of MNIST's kind.
    """

    def __init__(
        self,
        image: Path = "./train-images-idx3-ubyte",
        label: Path = "./train-labels-idx1-ubyte",
        batch_size: int = 128,
        shuffle: bool = True,
        flat: bool = False,
        seed: int = 0,
        silent: bool = False,
        num_parts: int = 1,
        part_index: int = 0,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **options: Any,
    ) -> None:
        _check_options("MNISTIter", options)
        images, labels = (_part(_idx(path), num_parts, part_index) for path in (image, label))
        order = Generator(seed).permutation(len(images)) if shuffle else np.arange(len(images))
        pixels = images[order].astype(np.float32) / 256
        data = pixels.reshape(len(pixels), -1) if flat else pixels[:, None]
        names = data_name, label_name
        super().__init__(data, labels[order].astype(np.float32), batch_size, "discard", names)


def _idx(path: Path) -> Host:
    """Read an array of bytes from a file in the format IDX."""
    with open(path, "rb") as file:  # noqa: PTH123  # a path may be a string
        content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    zeros, kind, axes = struct.unpack(">HBB", content[:4]) if len(content) > 4 else (1, 0, 0)
    if zeros or kind != 8:
        raise ValueError(f"{os.fspath(path)} is not a file of bytes in the format IDX, such as those of MNIST")
    shape = struct.unpack(f">{axes}i", content[4 : 4 + 4 * axes])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


class LibSVMIter(_FileIter):
    r"""Batches of rows in LibSVM's format, ``label index:value …`` with indices from 0, as dense arrays.

    >>> import mxcore as mx, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "rows.t")
    ...     with open(path, "w", encoding="utf-8") as file:
    ...         _ = file.write("1 0:0.5 2:1.5\n-1 1:2\n")
    ...     batches = mx.io.LibSVMIter(data_libsvm=path, data_shape=(3,), batch_size=2)
    >>> batch = batches.next()
    >>> batch.data[0].tolist(), batch.label[0].tolist()
    ([[0.5, 0.0, 1.5], [0.0, 2.0, 0.0]], [1.0, -1.0])

    Args:
        data_libsvm: the file with the data and, unless there is another for them, the labels.
        data_shape: the number of columns, as a tuple.
        label_libsvm: a file with the labels, in the same format.
        label_shape: the shape of a row of it.
        batch_size: the number of rows in a batch.
        round_batch: whether the next epoch leaves out the rows that have filled the last batch.
        num_parts: into how many parts to cut the rows.
        part_index: which of them to use.
        data_name: the name of the data.
        label_name: the name of the labels.
        options: accepted for compatibility with MXNet: ``prefetch_buffer`` and ``ctx``.

    Raises:
        ValueError: a line is not in this format, or an index is not below the number of columns.
    """

    def __init__(
        self,
        data_libsvm: Path,
        data_shape: Sequence[int],
        label_libsvm: Path | None = None,
        label_shape: Sequence[int] = (1,),
        batch_size: int = 1,
        round_batch: bool = True,
        num_parts: int = 1,
        part_index: int = 0,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **options: Any,
    ) -> None:
        _check_options("LibSVMIter", options)
        data, label = _libsvm(data_libsvm, data_shape)
        if label_libsvm not in (None, "NULL"):
            label = _libsvm(label_libsvm or "", label_shape)[0]
        data, label = (_part(rows, num_parts, part_index) for rows in (data, label))
        super().__init__(data, label, batch_size, "round" if round_batch else "pad", (data_name, label_name))


def _libsvm(path: Path, shape: Sequence[int] | int) -> tuple[Host, Host]:
    columns = int(np.prod(shape))
    rows, labels = [], []
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # a path may be a string
        for number, line in enumerate(file, 1):
            first, *entries = line.split() or [""]
            if not first:
                continue
            row = np.zeros(columns, np.float32)
            try:
                for entry in entries if ":" not in first else [first, *entries]:
                    index, _, value = entry.partition(":")
                    row[int(index)] = float(value)
                labels.append(0.0 if ":" in first else float(first))
            except (ValueError, IndexError):
                raise ValueError(f"{os.fspath(path)}, line {number}: {line.strip()!r:.60} is not 'label index:value …' "
                                 f"with indices below {columns}") from None  # fmt: skip
            rows.append(row)
    if not rows:
        raise ValueError(f"{os.fspath(path)} has no rows")
    return np.array(rows), np.array(labels, np.float32)
