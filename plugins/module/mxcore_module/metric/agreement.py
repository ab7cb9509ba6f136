"""How well predictions agree with labels: scores of two classes, and correlations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

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

__all__ = ["F1", "MCC", "PCC", "PearsonCorrelation"]

Counts = npt.NDArray[np.int64]


def _counts(name: str, labels: Arrays, preds: Arrays) -> Counts:
    """Return how often each pair of a label and a chosen class occurs in a batch: shape (2, 2)."""
    found = np.zeros((2, 2), np.int64)
    for label, pred in host_pairs(labels, preds):
        actual = class_numbers(name, label, pred)
        if actual.size and not 0 <= actual.min() <= actual.max() <= 1:
            raise ValueError(f"{name} is for two classes, 0 and 1; got the labels {np.unique(actual)[:5]}")
        np.add.at(found, (actual, (pred.argmax(axis=1) == 1).astype(np.int64)), 1)
    return found


class _TwoClasses(EvalMetric):
    """A score of how often two classes are confused, of each batch or of all samples."""

    @staticmethod
    def score(counts: Counts) -> float:
        """Return the score, from how often each pair of a label and a class occurred."""
        raise NotImplementedError

    def __init__(self, name: str, average: str, **kwargs: Any) -> None:
        if average not in ("macro", "micro"):
            raise ValueError(f"average must be 'macro' or 'micro', got {average!r}")
        self.average = average
        super().__init__(name, average=average, **kwargs)

    def reset(self) -> None:
        """Reset everything."""
        super().reset()
        self._counts = self._all_counts = np.zeros((2, 2), np.int64)

    def reset_local(self) -> None:
        """Start a new score for :meth:`get`."""
        super().reset_local()
        self._counts = np.zeros((2, 2), np.int64)

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Count one batch: labels ``(samples,)`` of 0 and 1, predictions ``(samples, 2)``."""
        counts = _counts(self.name, labels, preds)
        self._counts = self._counts + counts
        self._all_counts = self._all_counts + counts
        if self.average == "macro":
            self.sum_metric += self.score(counts)
            self.num_inst += 1
        else:
            self.num_inst += int(counts.sum())
            self.sum_metric = self.score(self._counts) * self.num_inst

    def get_global(self) -> NameValue:
        """Return the name and the score since the last :meth:`reset`."""
        name, macro = super().get_global()
        return name, macro if self.average == "macro" or math.isnan(macro) else self.score(self._all_counts)


@register
class F1(_TwoClasses):
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
        name: the name in reports.
        average: ``"macro"`` for the mean of the batches' scores, or ``"micro"`` for one score over all samples.

    Raises:
        ValueError: for another ``average``.
    """

    def __init__(self, name: str = "f1", average: str = "macro", **kwargs: Any) -> None:
        super().__init__(name, average, **kwargs)

    @staticmethod
    def score(counts: Counts) -> float:
        """Return ``2 hits / (2 hits + false positives + false negatives)``."""
        hits, wrong = counts[1, 1], counts[0, 1] + counts[1, 0]
        return float(2 * hits / max(2 * hits + wrong, 1))


@register
class MCC(_TwoClasses):
    r"""Matthews' correlation coefficient of two classes: from -1, always wrong, to 1, always right.

    .. math:: \frac{TP \cdot TN - FP \cdot FN}{\sqrt{(TP + FP)(TP + FN)(TN + FP)(TN + FN)}}

    Factors of 0 are left out of the root, as in MXNet. Source: Matthews (1975), doi:10.1016/0005-2795(75)90109-9.

    >>> import numpy as np, mxcore as mx
    >>> mcc = mx.metric.MCC()
    >>> mcc.update([np.array([1, 1, 0, 0])], [np.array([[0.1, 0.9], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]])])
    >>> mcc.get()[0], round(mcc.get()[1], 4)  # 2 / sqrt(12)
    ('mcc', 0.5774)

    Args:
        name: the name in reports.
        average: ``"macro"`` for the mean of the batches' scores, or ``"micro"`` for one score over all samples.

    Raises:
        ValueError: for another ``average``.
    """

    def __init__(self, name: str = "mcc", average: str = "macro", **kwargs: Any) -> None:
        super().__init__(name, average, **kwargs)

    @staticmethod
    def score(counts: Counts) -> float:
        """Return the coefficient."""
        (right0, wrong1), (wrong0, right1) = counts.tolist()
        factors = right1 + wrong1, right1 + wrong0, right0 + wrong1, right0 + wrong0
        root = math.sqrt(math.prod(factor for factor in factors if factor))
        return float((right1 * right0 - wrong1 * wrong0) / root)


@register
class PCC(EvalMetric):
    """Matthews' correlation coefficient for any number of classes, over all samples.

    Source: Gorodkin (2004), doi:10.1016/j.compbiolchem.2004.09.006. It is nan if all labels, or all predictions, are
    equal.

    >>> import numpy as np, mxcore as mx
    >>> pcc = mx.metric.PCC()
    >>> pcc.update([np.array([0, 1, 2, 2])], [np.array([0, 1, 2, 1])])
    >>> pcc.get()[0], round(pcc.get()[1], 4)
    ('pcc', 0.7)

    Args:
        name: the name in reports.
    """

    def __init__(self, name: str = "pcc", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)

    def reset(self) -> None:
        """Reset everything."""
        super().reset()
        self._counts = self._all_counts = np.zeros((2, 2), np.int64)

    def reset_local(self) -> None:
        """Start a new coefficient for :meth:`get`."""
        super().reset_local()
        self._counts = np.zeros((2, 2), np.int64)

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Count one batch: labels ``(samples,)``, predictions with an additional class axis, or classes."""
        for label, pred in host_pairs(labels, preds):
            chosen = (pred if pred.shape == label.shape else pred.argmax(axis=1)).ravel().astype(np.int64)
            actual = label.ravel().astype(np.int64)
            check_label_shapes(actual, chosen, shape=True)
            size = max(len(self._all_counts), int(max(actual.max(), chosen.max())) + 1)
            found = np.zeros((size, size), np.int64)
            np.add.at(found, (chosen, actual), 1)
            self._counts, self._all_counts = (found + _grown(one, size) for one in (self._counts, self._all_counts))
        self.num_inst += 1

    def get(self) -> NameValue:
        """Return the name and the coefficient; nan before the first batch."""
        return self.name, _coefficient(self._counts)

    def get_global(self) -> NameValue:
        """Return the name and the coefficient since the last :meth:`reset`."""
        return self.name, _coefficient(self._all_counts)


def _grown(counts: Counts, size: int) -> Counts:
    return np.pad(counts, (0, size - len(counts)))


def _coefficient(counts: Counts) -> float:
    total, rows, columns = counts.sum(), counts.sum(axis=1).astype(float), counts.sum(axis=0).astype(float)
    spread = (rows * (total - rows)).sum() * (columns * (total - columns)).sum()
    return float((counts.diagonal() * total - rows * columns).sum() / math.sqrt(spread)) if spread else math.nan


@alias("pearsonr")
class PearsonCorrelation(EvalMetric):
    """Pearson's correlation of labels and predictions.

    >>> import numpy as np, mxcore as mx
    >>> pearson = mx.metric.PearsonCorrelation()
    >>> pearson.update([np.array([[1.0], [2.0], [3.0]])], [np.array([[1.0], [2.0], [6.0]])])
    >>> pearson.get()[0], round(pearson.get()[1], 4)
    ('pearsonr', 0.9449)

    Args:
        name: the name in reports.
        average: ``"macro"`` for the mean of the batches' correlations, or ``"micro"`` for that of all elements.

    Raises:
        ValueError: for another ``average``.
    """

    def __init__(self, name: str = "pearsonr", average: str = "macro", **kwargs: Any) -> None:
        if average not in ("macro", "micro"):
            raise ValueError(f"average must be 'macro' or 'micro', got {average!r}")
        self.average = average
        super().__init__(name, average=average, **kwargs)

    def reset(self) -> None:
        """Reset everything."""
        super().reset()
        self._moments = self._all_moments = np.zeros(6)

    def reset_local(self) -> None:
        """Start a new correlation for :meth:`get`."""
        super().reset_local()
        self._moments = np.zeros(6)

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Add one batch: labels and predictions of equal shapes."""
        for label, pred in host_pairs(labels, preds):
            check_label_shapes(label, pred, shape=True)
            found = _moments(label.ravel().astype(np.float64), pred.ravel().astype(np.float64))
            self._moments, self._all_moments = (_joined(one, found) for one in (self._moments, self._all_moments))
            self.num_inst += 1
            self.sum_metric += _correlation(found) if self.average == "macro" else 0.0

    def get(self) -> NameValue:
        """Return the name and the correlation; nan before the first batch."""
        name, macro = super().get()
        return name, macro if self.average == "macro" or math.isnan(macro) else _correlation(self._moments)

    def get_global(self) -> NameValue:
        """Return the name and the correlation since the last :meth:`reset`."""
        name, macro = super().get_global()
        return name, macro if self.average == "macro" or math.isnan(macro) else _correlation(self._all_moments)


def _moments(x: Host, y: Host) -> Host:
    """Return the count, both means, and the sums of squares and products around them."""
    dx, dy = x - x.mean(), y - y.mean()
    return np.array([len(x), x.mean(), y.mean(), dx @ dx, dy @ dy, dx @ dy])


def _joined(one: Host, other: Host) -> Host:
    """Return the moments of two samples together, by the formulas of Chan, Golub and LeVeque (1983)."""
    count = one[0] + other[0]
    share = one[0] * other[0] / count
    dx, dy = other[1:3] - one[1:3]
    means = one[1:3] + np.array([dx, dy]) * other[0] / count
    return np.array([count, *means, *(one[3:] + other[3:] + share * np.array([dx * dx, dy * dy, dx * dy]))])


def _correlation(moments: Host) -> float:
    spread = moments[3] * moments[4]
    return float(moments[5] / math.sqrt(spread)) if spread else math.nan
