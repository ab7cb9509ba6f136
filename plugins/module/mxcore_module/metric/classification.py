"""Classification metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mxcore_module.metric.base import (
    Arrays,
    EvalMetric,
    Host,
    NameValue,
    alias,
    check_label_shapes,
    class_numbers,
    host_pairs,
    register,
)

__all__ = ["F1", "Accuracy", "CrossEntropy", "TopKAccuracy"]


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


def _f1(counts: Host) -> float:
    hits, false_positives, false_negatives = counts
    return float(2 * hits / max(2 * hits + false_positives + false_negatives, 1))


@register
class F1(EvalMetric):
    """The harmonic mean of precision and recall of class 1 against class 0.

    >>> import numpy as np, mxcore as mx
    >>> sure_of_0, sure_of_1 = [0.9, 0.1], [0.1, 0.9]
    >>> macro, micro = mx.metric.F1(), mx.metric.F1(average="micro")
    >>> for metric in macro, micro:
    ...     metric.update([np.array([1, 1])], [np.array([sure_of_1, sure_of_1])])
    ...     metric.update([np.array([1, 0])], [np.array([sure_of_0, sure_of_1])])
    >>> macro.get()  # the mean of the batches' scores, 1 and 0
    ('f1', 0.5)
    >>> micro.get()  # one score: two hits, one false positive, one false negative
    ('f1', 0.6666666666666666)

    Args:
        name: the name it is reported under.
        average: ``"macro"`` for the mean of the batches' scores, or ``"micro"`` for one score over all samples.

    Raises:
        ValueError: for another ``average``.
    """

    def __init__(self, name: str = "f1", average: str = "macro", **kwargs: Any) -> None:
        if average not in ("macro", "micro"):
            raise ValueError(f"average must be 'macro' or 'micro', got {average!r}")
        self.average = average
        super().__init__(name, average=average, **kwargs)

    def reset(self) -> None:
        """Reset everything."""
        super().reset()
        self._counts = self._all_counts = np.zeros(3, np.int64)

    def reset_local(self) -> None:
        """Start a new score for :meth:`get`."""
        super().reset_local()
        self._counts = np.zeros(3, np.int64)

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Count one batch: labels ``(samples,)`` of 0 and 1, predictions ``(samples, 2)``."""
        for label, pred in host_pairs(labels, preds):
            actual = class_numbers(self.name, label, pred)
            if actual.size and not 0 <= actual.min() <= actual.max() <= 1:
                raise ValueError(f"{self.name} is for two classes, 0 and 1; got the labels {np.unique(actual)[:5]}")
            chosen = pred.argmax(axis=1)
            pairs = ((1, 1), (0, 1), (1, 0))
            counts = np.array([((actual == a) & (chosen == c)).sum() for a, c in pairs])
            self._counts = self._counts + counts
            self._all_counts = self._all_counts + counts
            self.sum_metric += _f1(counts)
            self.num_inst += 1

    def get(self) -> NameValue:
        """Return the name and the score; nan before the first batch."""
        name, macro = super().get()
        return name, _f1(self._counts) if self.average == "micro" and self.num_inst else macro

    def get_global(self) -> NameValue:
        """Return the name and the score since the last :meth:`reset`."""
        name, macro = super().get_global()
        return name, macro if self.average == "macro" or math.isnan(macro) else _f1(self._all_counts)
