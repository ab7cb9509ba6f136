"""Metrics created from names, functions and other metrics."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from mxcore_module.metric.base import Array, Arrays, EvalMetric, Host, NameValue, alias, host_pairs, register, registry

__all__ = ["CompositeEvalMetric", "CustomMetric", "create", "np"]

Feval: TypeAlias = Callable[[Host, Host], "float | tuple[float, int]"]


def create(metric: object, *args: Any, **kwargs: Any) -> EvalMetric:
    """Create a metric from a name, a function of (label, prediction) or a list; an existing metric is returned.

    It also takes what :meth:`EvalMetric.get_config` returns, and the JSON of that, or of a name with arguments.

    Raises:
        ValueError: if no metric has this name.
        TypeError: if ``metric`` is anything else.

    Example:
        >>> create(["acc", "ce"]).get_name_value()
        [('accuracy', nan), ('cross-entropy', nan)]
        >>> create("acuracy")
        Traceback (most recent call last):
            ...
        ValueError: no metric is called 'acuracy': did you mean 'accuracy'?
    """
    if isinstance(metric, EvalMetric):
        return metric
    if isinstance(metric, type) and issubclass(metric, EvalMetric):
        return metric(*args, **kwargs)
    if isinstance(metric, dict):
        return create(**metric)
    if isinstance(metric, str):
        return _read(metric, kwargs) if metric[:1] in ("[", "{") else _named(metric)(*args, **kwargs)
    if isinstance(metric, (list, tuple)):
        return CompositeEvalMetric([create(one, *args, **kwargs) for one in metric])
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    raise TypeError(f"a metric is a name, a function, a list or an EvalMetric, got {metric!r}")


def _read(text: str, kwargs: Mapping[str, Any]) -> EvalMetric:
    found = json.loads(text)
    if isinstance(found, dict):
        return create(**found, **kwargs)
    name, arguments = found
    return create(name, **arguments, **kwargs)


def _named(name: str) -> type[EvalMetric]:
    try:
        return registry[name.lower()]
    except KeyError:
        close = difflib.get_close_matches(name.lower(), registry, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(registry))}"
        raise ValueError(f"no metric is called {name!r}: {hint}") from None


@alias("composite")
class CompositeEvalMetric(EvalMetric):
    """Several metrics that are updated and reported together.

    Args:
        metrics: metrics, or anything from which :func:`create` makes them.
        name: the name of the group.

    Example:
        >>> import numpy
        >>> both = CompositeEvalMetric(["mse", "mae"])
        >>> both.update([numpy.array([0.0, 0.0])], [numpy.array([1.0, 3.0])])
        >>> both.get()
        (['mse', 'mae'], [5.0, 2.0])
    """

    def __init__(
        self,
        metrics: Sequence[object] | None = None,
        name: str = "composite",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        self.metrics = [create(metric) for metric in metrics or ()]
        super().__init__(name, output_names, label_names)

    def add(self, metric: object) -> None:
        """Append a metric, or anything from which :func:`create` makes one."""
        self.metrics.append(create(metric))

    def get_metric(self, index: int) -> EvalMetric:
        """Return the metric at a position; raise an IndexError if there is none."""
        return self.metrics[index]

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Update every metric."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def update_dict(self, label: Mapping[str, Array], pred: Mapping[str, Array]) -> None:
        """Update every metric with the arrays that it selects."""
        labels = {name: one for name, one in label.items() if self.label_names is None or name in self.label_names}
        preds = {name: one for name, one in pred.items() if self.output_names is None or name in self.output_names}
        for metric in self.metrics:
            metric.update_dict(labels, preds)

    def reset(self) -> None:
        """Reset every metric."""
        for metric in self.metrics:
            metric.reset()

    def reset_local(self) -> None:
        """Reset every metric locally."""
        for metric in self.metrics:
            metric.reset_local()

    def get(self) -> tuple[list[str], list[float]]:
        """Return all names and all values."""
        pairs = self.get_name_value()
        return [name for name, _ in pairs], [value for _, value in pairs]

    def get_global(self) -> tuple[list[str], list[float]]:
        """Return all names and all values since the last :meth:`reset`."""
        pairs = self.get_global_name_value()
        return [name for name, _ in pairs], [value for _, value in pairs]

    def get_name_value(self) -> list[NameValue]:
        """Return the pairs of all metrics."""
        return [pair for metric in self.metrics for pair in metric.get_name_value()]

    def get_global_name_value(self) -> list[NameValue]:
        """Return the pairs of all metrics since the last :meth:`reset`."""
        return [pair for metric in self.metrics for pair in metric.get_global_name_value()]

    def get_config(self) -> dict[str, Any]:
        """Return the group's configuration, with that of its members under ``metrics``."""
        return {**super().get_config(), "metrics": [metric.get_config() for metric in self.metrics]}


@register
class CustomMetric(EvalMetric):
    """A metric from a function.

    >>> import numpy as np, mxcore as mx
    >>> def within_one(label, pred):
    ...     return int((abs(label - pred) <= 1).sum()), label.size
    >>> metric = mx.metric.CustomMetric(within_one)
    >>> metric.update([np.array([1.0, 2.0, 3.0, 4.0])], [np.array([1.5, 2.0, 9.0, 4.0])])
    >>> metric.get()
    ('within_one', 0.75)

    Args:
        feval: called with the label and the prediction as NumPy arrays; returns the value of the batch, or a sum and
            the number of its terms.
        name: the name in reports; by default the function's.
        allow_extra_outputs: whether to ignore outputs without a label.
    """

    def __init__(self, feval: Feval, name: str | None = None, allow_extra_outputs: bool = False, **kwargs: Any) -> None:
        function = getattr(feval, "__name__", type(feval).__name__)
        default = f"custom({function})" if "<" in function else function  # a lambda is called "<lambda>"
        super().__init__(name or default, allow_extra_outputs=allow_extra_outputs, **kwargs)
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Call the function for each label and its prediction."""
        if self._allow_extra_outputs and not hasattr(preds, "shape"):
            preds = preds[: len(labels)]
        for label, pred in host_pairs(labels, preds):
            value = self._feval(label, pred)
            total, count = value if isinstance(value, tuple) else (value, 1)
            self.sum_metric += total
            self.num_inst += count

    def get_config(self) -> dict[str, Any]:
        """Raise a NotImplementedError: a function cannot be written down."""
        raise NotImplementedError(f"the metric {self.name!r} is a function, which a configuration cannot hold")


def np(numpy_feval: Feval, name: str | None = None, allow_extra_outputs: bool = False) -> CustomMetric:
    """Create a metric from a function of two NumPy arrays, label and prediction: see :class:`CustomMetric`.

    Example:
        >>> import numpy
        >>> metric = np(lambda label, pred: abs(label - pred).max(), name="worst")
        >>> metric.update([numpy.array([1.0, 2.0])], [numpy.array([1.5, 2.0])])
        >>> print(*metric.get())
        worst 0.5
    """
    return CustomMetric(numpy_feval, name, allow_extra_outputs)
