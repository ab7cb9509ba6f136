"""The inputs of a module: names, shapes and devices."""

from __future__ import annotations

import difflib
import operator
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mxcore.backend import Array, Context, cpu
from mxcore_module.arrays import concatenated
from mxcore_module.graph import Symbol
from mxcore_module.io import DataBatch, DataDesc

__all__ = [
    "Inputs",
    "check_labels",
    "check_match",
    "checked_names",
    "contexts_of",
    "describe",
    "joined",
    "paired",
    "work_of",
]


def checked_names(symbol: Symbol, what: str, given: Sequence[str] | None, strict: bool = True) -> list[str]:
    """Check that names are arguments of the symbol, and return them.

    Raises:
        ValueError: one is not; without ``strict`` that is a warning.
    """
    arguments = symbol.list_arguments()
    for name in given or ():
        if name in arguments:
            continue
        likely = [one for one in arguments if not one.endswith(("_weight", "_bias", "_gamma", "_beta"))]
        close = difflib.get_close_matches(name, arguments, n=1) or likely
        message = f"{what}: the symbol has no argument {name!r}; did you mean {' or '.join(map(repr, close))}?"
        if strict:
            raise ValueError(message)
        warnings.warn(message, UserWarning, stacklevel=3)  # the code that creates the module
    return list(given or ())


def contexts_of(context: Context | Sequence[Context] | None) -> list[Context]:
    """Return the devices, given one or several; by default the CPU.

    Raises:
        TypeError: something is no context.
        ValueError: there is none.
    """
    contexts = [cpu()] if context is None else [context] if isinstance(context, Context) else list(context)
    if wrong := [one for one in contexts if not isinstance(one, Context)]:
        raise TypeError(f"a context is a device such as mx.cpu(), got {wrong[0]!r}")
    if not contexts:
        raise ValueError("context is an empty list: pass at least one, such as mx.cpu()")
    return contexts


def work_of(work_load_list: Sequence[float] | None, contexts: Sequence[Context]) -> list[float]:
    """Return the share of the work for each context; by default all have the same.

    Raises:
        AssertionError: their numbers differ.
    """
    shares = [1.0] * len(contexts) if work_load_list is None else list(work_load_list)
    if len(shares) != len(contexts):
        raise AssertionError(f"work_load_list must have a number for each of {len(contexts)} contexts, got {shares}")
    return shares


@attrs.frozen
class Inputs:
    """The descriptions of the batches to which a module is bound.

    Attributes:
        data: those of the data.
        labels: those of the labels that the symbol uses.
    """

    data: list[DataDesc] = attrs.field(factory=list)
    labels: list[DataDesc] = attrs.field(factory=list)

    def all(self) -> list[DataDesc]:
        """Return all descriptions."""
        return [*self.data, *self.labels]

    def known(self, symbol: Symbol) -> list[DataDesc]:
        """Return those of inputs that the symbol has."""
        arguments = symbol.list_arguments()
        return [desc for desc in self.all() if desc.name in arguments]

    def batch_size(self) -> int:
        """Return the number of rows of a batch."""
        first = self.data[0]
        return int(first.shape[max(DataDesc.get_batch_axis(first.layout), 0)])

    def shaped(self, shapes: Mapping[str, tuple[int, ...]]) -> Inputs:
        """Return the descriptions with other shapes, by name; labels that are not named follow the size of a batch."""
        data = [_with_shape(desc, shapes.get(desc.name, desc.shape)) for desc in self.data]
        sizes = self.batch_size(), Inputs(data).batch_size()
        return Inputs(data, [_with_shape(desc, shapes.get(desc.name) or _sized(desc, *sizes)) for desc in self.labels])


def _with_shape(desc: DataDesc, shape: tuple[int, ...]) -> DataDesc:
    return DataDesc(desc.name, shape, desc.dtype, desc.layout)


def _sized(desc: DataDesc, before: int, after: int) -> tuple[int, ...]:
    axis, shape = DataDesc.get_batch_axis(desc.layout), desc.shape
    return shape if axis < 0 else (*shape[:axis], shape[axis] * after // before, *shape[axis + 1 :])


def describe(what: str, shapes: Any) -> list[DataDesc]:
    """Return descriptions, given descriptions or pairs of a name and a shape.

    Raises:
        TypeError: something is neither.
    """
    if isinstance(shapes, (str, Mapping)) or not isinstance(shapes, Iterable):
        raise TypeError(f"{what}_shapes must be a list of pairs (name, shape), got {shapes!r}")
    return [one if isinstance(one, DataDesc) else _described(what, one) for one in shapes]


def _described(what: str, pair: Any) -> DataDesc:
    name, shape, *_ = pair if isinstance(pair, (tuple, list)) and len(pair) > 1 else (None, None)
    if isinstance(name, str) and isinstance(shape, (tuple, list)):
        sizes = [operator.index(size) for size in shape]  # a TypeError for what is no integer
        return DataDesc(name, sizes, *pair[2:])
    raise TypeError(f"{what}_shapes must be a list of pairs (name, shape), such as ('data', (32, 784)), got {pair!r}")


def check_match(what: str, names: Sequence[str], descs: Sequence[DataDesc]) -> None:
    """Check that all of these names, and no others, are described.

    Raises:
        ValueError: they are not.
    """
    if sorted(names) != sorted(desc.name for desc in descs):
        got = ", ".join(f"{desc.name} {desc.shape}" for desc in descs) or "nothing"
        raise ValueError(f"{what}_shapes must describe {', '.join(names)}, as {what}_names says, got {got}")


def check_labels(symbol: Symbol, names: Sequence[str], descs: Sequence[DataDesc]) -> list[DataDesc]:
    """Return the descriptions of the labels that the symbol uses.

    Raises:
        ValueError: some of these labels are missing, so the symbol would be trained on zeros.
    """
    arguments, described = symbol.list_arguments(), {desc.name for desc in descs}
    if descs and (missing := [name for name in names if name in arguments and name not in described]):
        raise ValueError(f"label_shapes must describe {', '.join(missing)}, got {', '.join(sorted(described))}")
    return [desc for desc in descs if desc.name in arguments]


def paired(what: str, descs: Sequence[Any], arrays: Sequence[Array]) -> dict[str, Array]:
    """Return arrays by the names of their descriptions.

    Raises:
        ValueError: there are more or fewer.
    """
    names = [name for name, *_ in descs]
    if len(names) != len(arrays):
        raise ValueError(f"the batch has {len(arrays)} {what} arrays, but the module was bound to {len(names)}")
    return dict(zip(names, arrays, strict=True))


def joined(batches: Sequence[Any]) -> DataBatch:
    """Return the batch of all rows of several batches.

    Raises:
        ValueError: there are none, or their shapes differ.
    """
    if len({tuple(np.shape(array) for array in batch.data) for batch in batches}) != 1:
        raise ValueError(f"a list of batches must hold batches of equal shapes, got {list(batches)}")
    labels = [batch.label for batch in batches if batch.label]
    return DataBatch(_joined([batch.data for batch in batches]), _joined(labels))


def _joined(lists: Sequence[Sequence[Array]]) -> list[Array]:
    return [concatenated(parts) for parts in zip(*lists, strict=True)]
