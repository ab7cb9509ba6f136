"""Data for training: handwritten digits, or a CSV or NPZ file, split and standardised.

>>> dataset = load("digits")
>>> len(dataset.train), len(dataset.validation), dataset.train.x.shape[1], len(dataset.classes)
(1437, 360, 64, 10)
"""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.random import Generator
from mxcore_module.train.errors import InputError

__all__ = ["Dataset", "Part", "load"]

Floats: TypeAlias = npt.NDArray[np.float32]

VALIDATION_SHARE = 0.2
FEWEST_ROWS = 10
NPZ_DATA = ("x", "X", "data")
NPZ_LABEL = ("y", "label")


@attrs.frozen(eq=False)
class Part:
    """Rows of data: inputs ``x`` of shape ``(rows, features)`` and labels ``y`` of shape ``(rows,)``, both float32."""

    x: Floats = attrs.field(repr=False)
    y: Floats = attrs.field(repr=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.x)


@attrs.frozen(eq=False)
class Dataset:
    """Rows for training and for validation.

    Inputs have mean 0 and variance 1 over the training rows. Labels are class numbers, or real numbers that are
    standardised in the same way: multiply by ``label_scale`` to get differences in the label's own unit.
    """

    name: str
    train: Part
    validation: Part
    classes: tuple[str, ...] = ()
    """The name of each class number; empty for real-valued labels."""
    label_scale: float = 1.0


@attrs.frozen(eq=False)
class Table:
    """The content of a source before it is split: numbers of shape ``(rows, features)`` and a label for each row."""

    name: str
    x: npt.NDArray[np.float64]
    y: npt.NDArray[Any]
    label: str = "label"


def load(source: str = "digits", label: str | None = None, generator: Generator | None = None) -> Dataset:
    """Read, check, split and standardise a data set.

    Args:
        source: ``"digits"``, the 1797 images of 8 x 8 pixels from scikit-learn, or the path of a CSV file with a
            header, or of an NPZ file with arrays ``x`` (or ``X``, ``data``) and ``y`` (or ``label``).
        label: the label column of a CSV file, by name or zero-based number, by default the last one; or the label array
            of an NPZ file. Strings and integers are classes, other numbers are quantities.
        generator: selects the fifth of the rows for validation; by default, always the same one.

    Raises:
        InputError: if there is no such file, or it cannot be used for training.
    """
    return _split(_read(source, label), generator or Generator(0))


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(source: str, label: str | None) -> Table:
    if source == "digits":
        if label is not None:
            raise InputError(f"the digits have their own labels: a label column ({label!r}) is for CSV and NPZ files")
        return _read_digits()
    path = Path(source)
    readers = {".csv": _read_csv, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise InputError(f"data must be 'digits', a .csv file or an .npz file, got {source!r}")
    try:
        return readers[path.suffix.lower()](path, label)
    except OSError as error:
        raise InputError(f"cannot read {source!r}: {error.strerror or error}") from None


def _read_digits() -> Table:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return Table("digits", x, y)


def _read_csv(path: Path, label: str | None) -> Table:
    header, numbered = _csv_rows(path)
    if len(header) < 2:
        raise InputError(f"{path}: expected a header of at least two columns, got {header}")
    position = len(header) - 1 if label is None else _column(header, label, path)
    columns = list(zip(*(row for _, row in numbered), strict=True))
    lines = [line for line, _ in numbered]
    labels = columns.pop(position)
    features = [name for i, name in enumerate(header) if i != position]
    if "" in labels:
        raise InputError(f"{path}: the label column {header[position]!r} is empty in line {lines[labels.index('')]}")
    x = [_numbers(values, f"{path}: column {name!r}", lines) for name, values in zip(features, columns, strict=True)]
    return Table(path.stem, np.stack(x, axis=1), _labels(labels), header[position])


def _csv_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the other rows with their line numbers. Blank lines are skipped."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count))
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}") from None
    if len(rows) < 2:
        lack = "has no rows below its header" if rows else "is empty"
        raise InputError(f"{path} {lack}: there is no data to train on")
    (_, header), *rest = rows
    for line, row in rest:
        if len(row) != len(header):
            raise InputError(f"{path}: line {line} has {len(row)} cells, but the header has {len(header)}")
    if len(set(header)) < len(header):
        raise InputError(f"{path}: column names must differ, got {', '.join(map(repr, header))}")
    return header, rest


def _column(header: Sequence[str], label: str, path: Path) -> int:
    if label in header:
        return header.index(label)
    if label.isdecimal() and int(label) < len(header):
        return int(label)
    raise InputError(f"{path} has no column {label!r}: its columns are {', '.join(map(repr, header))}")


def _numbers(cells: Sequence[str], where: str, lines: Sequence[int]) -> npt.NDArray[np.float64]:
    """Convert a column of cells to finite numbers."""
    values = [_number(cell) for cell in cells]
    for value, cell, line in zip(values, cells, lines, strict=True):
        if value is None or not math.isfinite(value):
            raise InputError(f"{where} must hold finite numbers, got {cell!r} in line {line}")
    return np.array(values, np.float64)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _labels(cells: Sequence[str]) -> npt.NDArray[Any]:
    """Return labels as numbers if all of them are, else as strings."""
    values = [_number(cell) for cell in cells]
    return np.array(cells) if None in values else np.array(values, np.float64)


def _read_npz(path: Path, label: str | None) -> Table:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not an NPZ file of plain arrays: {error}") from None
    held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "no arrays"
    x = _pick(arrays, NPZ_DATA, f"{path} needs an array {' or '.join(NPZ_DATA)}, but holds {held}")
    wanted = NPZ_LABEL if label is None else (label,)
    y = _pick(arrays, wanted, f"{path} needs an array {' or '.join(wanted)} for the labels, but holds {held}")
    if x.dtype.kind not in "biuf" or x.ndim == 0 or x.size == 0:
        raise InputError(f"{path}: the inputs must be numbers, one row per sample, got {x.dtype} of shape {x.shape}")
    if y.shape not in ((len(x),), (len(x), 1)):
        raise InputError(f"{path}: expected {len(x)} labels, one per row of the inputs, got shape {y.shape}")
    if not np.isfinite(x).all():
        raise InputError(f"{path}: the inputs contain nan or infinity")
    return Table(path.stem, x.reshape(len(x), -1).astype(np.float64), y.ravel())


def _pick(arrays: dict[str, npt.NDArray[Any]], names: Iterable[str], message: str) -> npt.NDArray[Any]:
    for name in names:
        if name in arrays:
            return arrays[name]
    raise InputError(message)


# --- splitting -------------------------------------------------------------------------------------------------------


def _split(table: Table, generator: Generator) -> Dataset:
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    rows = len(table.x)
    if rows < FEWEST_ROWS:
        raise InputError(f"{table.name} has {rows} rows, too few for validation: at least {FEWEST_ROWS} are needed")
    classes, y = _encode(table)
    seed = int(generator.integers(2**32))
    strata = y if classes and _can_stratify(y, rows) else None
    train, held_out = train_test_split(np.arange(rows), test_size=VALIDATION_SHARE, random_state=seed, stratify=strata)
    scaler = StandardScaler().fit(table.x[train])
    x = scaler.transform(table.x).astype(np.float32)
    scale = 1.0
    if not classes:
        mean, scale = float(y[train].mean()), float(y[train].std()) or 1.0
        y = (y - mean) / scale
    y = y.astype(np.float32)
    return Dataset(table.name, Part(x[train], y[train]), Part(x[held_out], y[held_out]), classes, scale)


def _encode(table: Table) -> tuple[tuple[str, ...], npt.NDArray[Any]]:
    """Return the classes and each row's class number, or no classes and the labels if they are quantities."""
    y = table.y
    if y.dtype.kind not in "biufUS":
        raise InputError(f"labels must be numbers or strings, got {y.dtype}")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise InputError(f"the labels in {table.label!r} contain nan or infinity")
    if y.dtype.kind == "f" and (y != np.round(y)).any():
        return (), y.astype(np.float64)
    names, numbers = np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise InputError(f"all labels in {table.label!r} are {_class_name(names[0])!r}: two classes are needed")
    if len(names) > len(y) / 2:
        raise InputError(
            f"the labels in {table.label!r} have {len(names)} different values in {len(y)} rows, too many for classes: "
            "choose another column (integers and strings are classes, other numbers are quantities)"
        )
    return tuple(map(_class_name, names)), numbers


def _class_name(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(int(value)) if isinstance(value, np.floating) else str(value)


def _can_stratify(classes: npt.NDArray[Any], rows: int) -> bool:
    """Return whether each class can be on both sides of the split."""
    counts = np.bincount(classes)
    return bool(counts.min() >= 2 and len(counts) <= math.ceil(rows * VALIDATION_SHARE))
