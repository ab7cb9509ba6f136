"""Classification metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mxcore_module.metric.base import (
    Arrays,
    EvalMetric,
    NameValue,
    alias,
    check_label_shapes,
    class_numbers,
    host_pairs,
    register,
)

__all__ = ["Accuracy", "CrossEntropy", "NegativeLogLikelihood", "Perplexity", "TopKAccuracy"]


@alias("acc")
class Accuracy(EvalMetric):
    """The fraction of samples whose most probable class is the label.

    >>> import numpy as np, mxcore as mx
    >>> accuracy = mx.metric.Accuracy()
    >>> accuracy.update([np.array([0, 1, 1])], [np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])])
    >>> accuracy.update([np.array([1])], [np.array([[0.4, 0.6]])])
    >>> accuracy.get(), accuracy.num_inst
    (('accuracy', 0.75), 4)

    Args:
        axis: the class axis of the predictions. Predictions with the shape of the labels are taken as classes.
        name: the name in reports.
    """

    def __init__(self, axis: int = 1, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name, axis=axis, **kwargs)
        self.axis = axis

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Count the hits of a batch: labels ``(samples, ...)``, predictions with an additional class ``axis``."""
        for label, pred in host_pairs(labels, preds):
            chosen = (pred if pred.shape == label.shape else pred.argmax(axis=self.axis)).ravel()
            check_label_shapes(label.ravel(), chosen, shape=True)
            self.sum_metric += int((chosen.astype(np.int64) == label.ravel().astype(np.int64)).sum())
            self.num_inst += chosen.size


@alias("top_k_accuracy", "top_k_acc")
class TopKAccuracy(EvalMetric):
    """The fraction of samples whose label is among the ``top_k`` most probable classes.

    >>> import numpy as np, mxcore as mx
    >>> top2 = mx.metric.TopKAccuracy(top_k=2)
    >>> top2.update([np.array([0, 2])], [np.array([[0.3, 0.6, 0.1], [0.3, 0.6, 0.1]])])
    >>> top2.get()  # class 0 is the second of its row, class 2 the third
    ('top_k_accuracy_2', 0.5)

    Args:
        top_k: the number of classes, at least 2; for 1, use :class:`Accuracy`.
        name: the name in reports, which is followed by ``_`` and ``top_k``.

    Raises:
        ValueError: if ``top_k`` is below 2.
    """

    def __init__(self, top_k: int = 1, name: str = "top_k_accuracy", **kwargs: Any) -> None:
        if top_k < 2:
            raise ValueError(f"top_k must be at least 2, got {top_k}: use 'accuracy' for one class")
        super().__init__(f"{name}_{top_k}", top_k=top_k, **kwargs)
        self.top_k = top_k

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Count the hits of one batch: labels ``(samples,)``, predictions ``(samples, classes)``."""
        for label, pred in host_pairs(labels, preds):
            label = class_numbers(self.name, label, pred)
            best = np.argsort(-pred, axis=1, kind="stable")[:, : self.top_k]
            self.sum_metric += int((best == label[:, None]).any(axis=1).sum())
            self.num_inst += len(label)


@alias("ce", "cross-entropy")
class CrossEntropy(EvalMetric):
    """The mean of ``-log(p + eps)``, where p is the predicted probability of the label.

    >>> import numpy as np, mxcore as mx
    >>> entropy = mx.metric.CrossEntropy()
    >>> entropy.update([np.array([0, 1])], [np.array([[0.5, 0.5], [0.75, 0.25]])])
    >>> name, value = entropy.get()
    >>> name, round(value, 4), round(float(np.log(2) + np.log(4)) / 2, 4)
    ('cross-entropy', 1.0397, 1.0397)

    Args:
        eps: keeps the logarithm finite.
        name: the name it is reported under.
    """

    def __init__(self, eps: float = 1e-12, name: str = "cross-entropy", **kwargs: Any) -> None:
        super().__init__(name, eps=eps, **kwargs)
        self.eps = eps

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Add one batch: labels ``(samples,)``, predictions ``(samples, classes)``, each row a distribution."""
        for label, pred in host_pairs(labels, preds):
            label = class_numbers(self.name, label, pred)
            p = pred[np.arange(len(label)), label].astype(np.float64)
            self.sum_metric += float(-np.log(p + self.eps).sum())
            self.num_inst += len(label)


@alias("nll_loss")
class NegativeLogLikelihood(CrossEntropy):
    """The mean of ``-log(p + eps)``, where p is the predicted probability of the label: :class:`CrossEntropy`.

    >>> import numpy as np, mxcore as mx
    >>> nll = mx.metric.NegativeLogLikelihood()
    >>> nll.update([np.array([0])], [np.array([[0.5, 0.5]])])
    >>> nll.get()[0], round(nll.get()[1], 4)
    ('nll-loss', 0.6931)

    Args:
        eps: keeps the logarithm finite.
        name: the name in reports.
    """

    def __init__(self, eps: float = 1e-12, name: str = "nll-loss", **kwargs: Any) -> None:
        super().__init__(eps, name, **kwargs)


@register
class Perplexity(EvalMetric):
    """The exponential of the mean of ``-log(p)``, where p is the predicted probability of the label.

    >>> import numpy as np, mxcore as mx
    >>> perplexity = mx.metric.Perplexity(ignore_label=None)
    >>> perplexity.update([np.array([0, 1])], [np.array([[0.25, 0.75], [0.75, 0.25]])])
    >>> name, value = perplexity.get()
    >>> name, round(value, 6)
    ('perplexity', 4.0)

    Args:
        ignore_label: a label that does not count, such as that of padding; or None.
        axis: the class axis of the predictions.
        name: the name in reports.
    """

    def __init__(self, ignore_label: int | None, axis: int = -1, name: str = "perplexity", **kwargs: Any) -> None:
        super().__init__(name, ignore_label=ignore_label, axis=axis, **kwargs)
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Add a batch: labels of any shape, predictions with an additional class ``axis``."""
        for label, pred in host_pairs(labels, preds):
            classes = np.moveaxis(pred, self.axis, -1).reshape(-1, pred.shape[self.axis]).astype(np.float64)
            label = class_numbers(self.name, label, classes)
            counted = np.ones(len(label), bool) if self.ignore_label is None else label != self.ignore_label
            p = classes[np.flatnonzero(counted), label[counted]]
            self.sum_metric += float(-np.log(np.maximum(p, 1e-10)).sum())
            self.num_inst += len(p)

    def get(self) -> NameValue:
        """Return the name and the perplexity; nan before the first batch."""
        name, mean = super().get()
        return name, math.exp(mean) if not math.isnan(mean) else mean

    def get_global(self) -> NameValue:
        """Return the name and the perplexity since the last :meth:`reset`."""
        name, mean = super().get_global()
        return name, math.exp(mean) if not math.isnan(mean) else mean
