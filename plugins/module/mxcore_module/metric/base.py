"""What all metrics share: the registry, arrays on the host, and the running average."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

import mxcore.backend
from mxcore.presenting import hand_over

__all__ = [
    "EvalMetric",
    "alias",
    "check_label_shapes",
    "class_numbers",
    "host_pairs",
    "register",
    "registry",
    "to_host",
]

Array: TypeAlias = Any  # a NumPy or CuPy array
Host: TypeAlias = npt.NDArray[Any]
Arrays: TypeAlias = Sequence[Array]
NameValue: TypeAlias = tuple[str, float]
Metric = TypeVar("Metric", bound="type[EvalMetric]")

registry: dict[str, type[EvalMetric]] = {}


def register(klass: Metric) -> Metric:
    """Register a metric class for :func:`create` under its lower-cased name, and return it.

    Example:
        >>> @register
        ... class Constant(EvalMetric):
        ...     def update(self, labels, preds): self.sum_metric, self.num_inst = 3.0, 1
        >>> from mxcore_module.metric import create
        >>> create("constant", name="three").name
        'three'
    """
    registry[klass.__name__.lower()] = klass
    return klass


def alias(*names: str) -> Callable[[Metric], Metric]:
    """Return a class decorator that registers additional names for :func:`create`.

    >>> import mxcore as mx
    >>> @mx.metric.alias("l2", "squared")
    ... class SquaredError(mx.metric.MSE):
    ...     pass
    >>> [type(mx.metric.create(name)).__name__ for name in ("l2", "Squared", "squarederror")]
    ['SquaredError', 'SquaredError', 'SquaredError']
    """

    def add(klass: Metric) -> Metric:
        registry.update((name.lower(), klass) for name in names)
        return register(klass)

    return add


def check_label_shapes(labels: Any, preds: Any, wrap: bool = False, shape: bool = False) -> tuple[Any, Any]:
    """Check that labels and predictions have equal lengths, and return both.

    >>> import numpy as np, mxcore as mx
    >>> label, pred = np.zeros(4), np.zeros((4, 1))
    >>> labels, preds = mx.metric.check_label_shapes(label, pred, wrap=True)
    >>> len(labels), labels[0] is label
    (1, True)
    >>> mx.metric.check_label_shapes(label, pred, shape=True)
    Traceback (most recent call last):
        ...
    ValueError: labels and predictions must match, got (4,) and (4, 1)

    Args:
        labels: a list of arrays, or an array.
        preds: likewise.
        wrap: whether to turn a bare array into a list of one.
        shape: whether to compare the shapes of two arrays instead of lengths.

    Raises:
        ValueError: if they differ.
    """
    found = (labels.shape, preds.shape) if shape else (len(labels), len(preds))
    if found[0] != found[1]:
        raise ValueError(f"labels and predictions must match, got {found[0]} and {found[1]}")
    if wrap:
        labels, preds = ([one] if hasattr(one, "shape") else one for one in (labels, preds))
    return labels, preds


def to_host(array: Array) -> Host:
    """Convert a NumPy or CuPy array to a NumPy array."""
    if isinstance(array, np.ndarray):
        return np.asarray(array)  # without the methods of other classes
    host: Host = mxcore.backend.backend_of(array).to_host(array)
    return host


def host_pairs(labels: Arrays, preds: Arrays) -> list[tuple[Host, Host]]:
    """Yield each label with its prediction, on the host. A bare array counts as a list of one."""
    labels, preds = ([one] if hasattr(one, "shape") else one for one in (labels, preds))
    check_label_shapes(labels, preds)
    return [(to_host(label), to_host(pred)) for label, pred in zip(labels, preds, strict=True)]


def class_numbers(name: str, label: Host, pred: Host) -> Host:
    """Return the labels as integers, one for each row of the ``(samples, classes)`` predictions."""
    label = label.ravel().astype(np.int64)
    if pred.ndim != 2 or len(label) != len(pred):
        raise ValueError(f"{name} needs predictions (samples, classes) for {len(label)} labels, got {pred.shape}")
    return label


def _pairs(name: Any, value: Any) -> list[NameValue]:
    """Return pairs of a name and a value, given one of each or lists."""
    names, values = ([one] if not isinstance(one, list) else one for one in (name, value))
    return list(zip(names, values, strict=False))


class EvalMetric:
    """The base class of all metrics: a sum, and the number of terms in it.

    Subclasses define :meth:`update`, which adds to ``sum_metric`` and ``num_inst``.

    >>> import numpy as np, mxcore as mx
    >>> class Bias(mx.metric.EvalMetric):
    ...     def __init__(self, name="bias", **kwargs):
    ...         super().__init__(name, **kwargs)
    ...     def update(self, labels, preds):
    ...         for label, pred in zip(labels, preds):
    ...             self.sum_metric += float((pred - label).sum())
    ...             self.num_inst += label.size
    >>> bias = Bias()
    >>> bias.update([np.array([1.0, 2.0])], [np.array([1.5, 3.5])])
    >>> bias.get()
    ('bias', 1.0)

    There are two averages: :meth:`reset_local` restarts only that of :meth:`get`.

    >>> bias.reset_local()
    >>> bias.update([np.array([1.0, 2.0])], [np.array([1.0, 2.0])])
    >>> bias.get(), bias.get_global()
    (('bias', 0.0), ('bias', 0.5))

    Args:
        name: the name in reports.
        output_names: the network's outputs that :meth:`update_dict` uses; None for all.
        label_names: the labels that :meth:`update_dict` uses; None for all.
        **kwargs: kept for :meth:`get_config`.
    """

    name: str
    num_inst: float
    sum_metric: float
    _earlier: tuple[float, float] = (0, 0.0)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let ``update`` take the arrays that it was written for: bare ones, or NDArrays."""
        super().__init_subclass__(**kwargs)
        hand_over(cls, ["update"])

    def __init__(
        self,
        name: str,
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._kwargs = {key: value for key, value in kwargs.items() if key != "has_global_stats"}
        self.reset()

    @property
    def global_num_inst(self) -> float:
        """The number of terms since the last :meth:`reset`. A metric for MXNet may count them, to no effect."""
        return self._earlier[0] + self.num_inst

    @global_num_inst.setter
    def global_num_inst(self, value: float) -> None:
        # The `reset` of a metric for MXNet assigns 0. Its `update` adds what is counted here by itself.
        if value == 0:
            self._earlier = (0, 0.0)

    @property
    def global_sum_metric(self) -> float:
        """Their sum, likewise."""
        return self._earlier[1] + self.sum_metric

    @global_sum_metric.setter
    def global_sum_metric(self, value: float) -> None:
        """Do nothing, for the same reason."""

    def __str__(self) -> str:
        """Return the name and value pairs."""
        return f"EvalMetric: {dict(self.get_name_value())}"

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Update with one batch.

        Args:
            labels: one array for each output, its samples along the first axis.
            preds: the outputs of the network, likewise.

        Raises:
            ValueError: if their numbers or shapes do not match.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def update_dict(self, label: Mapping[str, Array], pred: Mapping[str, Array]) -> None:
        """Update with a batch given by name; ``label_names`` and ``output_names`` select from it."""
        self.update(
            [label[name] for name in (label if self.label_names is None else self.label_names)],
            [pred[name] for name in (pred if self.output_names is None else self.output_names)],
        )

    def reset(self) -> None:
        """Reset everything."""
        self.num_inst = 0
        self.sum_metric = 0.0
        self._earlier = (0, 0.0)

    def reset_local(self) -> None:
        """Start a new average for :meth:`get`; :meth:`get_global` still includes what came before."""
        count, total = self._earlier
        self._earlier = (count + self.num_inst, total + self.sum_metric)
        self.num_inst = 0
        self.sum_metric = 0.0

    def get(self) -> tuple[Any, Any]:
        """Return the name and the average since the last reset of either kind; nan before the first batch."""
        return self.name, self.sum_metric / self.num_inst if self.num_inst else math.nan

    def get_global(self) -> tuple[Any, Any]:
        """Return the name and the average since the last :meth:`reset`."""
        count = self.global_num_inst
        return self.name, self.global_sum_metric / count if count else math.nan

    def get_name_value(self) -> list[NameValue]:
        """Return the result of :meth:`get` as a list of pairs, for one metric or several."""
        return _pairs(*self.get())

    def get_global_name_value(self) -> list[NameValue]:
        """Return the result of :meth:`get_global` as a list of pairs."""
        return _pairs(*self.get_global())

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to create an equal metric: the class name and the arguments."""
        return {
            "metric": type(self).__name__,
            "name": self.name,
            "output_names": self.output_names,
            "label_names": self.label_names,
            **self._kwargs,
        }
