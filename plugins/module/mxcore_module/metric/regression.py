"""Regression metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mxcore_module.metric.base import Arrays, EvalMetric, Host, check_label_shapes, host_pairs, register, to_host

__all__ = ["MAE", "MSE", "RMSE", "Caffe", "Loss", "Torch"]


class _BatchMean(EvalMetric):
    """The average over batches of each batch's mean. As in MXNet, a short batch counts like a full one."""

    @staticmethod
    def mean(difference: Host) -> float:
        """Return the value of a batch, from float64 differences."""
        raise NotImplementedError

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name or type(self).__name__.lower(), **kwargs)

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Add a batch: labels and predictions of equal shapes, where ``(samples,)`` matches ``(samples, 1)``."""
        for label, pred in host_pairs(labels, preds):
            label, pred = (a.reshape(-1, 1) if a.ndim == 1 else a for a in (label, pred))
            check_label_shapes(label, pred, shape=True)
            self.sum_metric += self.mean(label.astype(np.float64) - pred)
            self.num_inst += 1


@register
class MSE(_BatchMean):
    """The mean squared error, averaged over batches.

    >>> import numpy as np, mxcore as mx
    >>> mse = mx.metric.MSE()
    >>> mse.update([np.array([1.0, 2.0])], [np.array([[2.0], [5.0]])])  # (1 + 9) / 2
    >>> mse.update([np.array([1.0])], [np.array([[2.0]])])  # a short batch counts like a full one
    >>> mse.get()
    ('mse', 3.0)
    """

    @staticmethod
    def mean(difference: Host) -> float:
        """Return the mean of the squares."""
        return float(np.square(difference).mean())


@register
class MAE(_BatchMean):
    """The mean absolute error, averaged over batches.

    >>> import numpy as np, mxcore as mx
    >>> mae = mx.metric.MAE()
    >>> mae.update([np.array([1.0, 2.0])], [np.array([[2.0], [5.0]])])  # (1 + 3) / 2
    >>> mae.get()
    ('mae', 2.0)
    """

    @staticmethod
    def mean(difference: Host) -> float:
        """Return the mean of the absolute values."""
        return float(np.abs(difference).mean())


@register
class RMSE(_BatchMean):
    """The root of the mean squared error of each batch, averaged over batches.

    >>> import numpy as np, mxcore as mx
    >>> rmse = mx.metric.RMSE()
    >>> rmse.update([np.array([1.0, 2.0])], [np.array([[2.0], [9.0]])])  # the root of (1 + 49) / 2
    >>> rmse.update([np.array([1.0])], [np.array([[4.0]])])
    >>> rmse.get()  # the mean of the two roots, not the root of all
    ('rmse', 4.0)
    """

    @staticmethod
    def mean(difference: Host) -> float:
        """Return the root of the mean of the squares."""
        return math.sqrt(np.square(difference).mean())


@register
class Loss(EvalMetric):
    """The mean of the outputs themselves, for a network whose output is its loss. Labels are ignored.

    >>> import numpy as np, mxcore as mx
    >>> loss = mx.metric.Loss()
    >>> loss.update(None, [np.array([0.5, 1.5, 4.0])])
    >>> loss.get()
    ('loss', 2.0)

    Args:
        name: the name in reports.
    """

    def __init__(self, name: str = "loss", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)

    def update(self, labels: object, preds: Arrays) -> None:
        """Add the elements of every prediction."""
        for pred in [preds] if hasattr(preds, "shape") else preds:
            values = to_host(pred)
            self.sum_metric += float(values.sum(dtype=np.float64))
            self.num_inst += values.size


@register
class Torch(Loss):
    """The mean of the outputs, as :class:`Loss`, by the name ``torch``.

    >>> import numpy as np, mxcore as mx
    >>> loss = mx.metric.Torch()
    >>> loss.update(None, [np.array([0.5, 1.5])])
    >>> loss.get()
    ('torch', 1.0)

    Args:
        name: the name in reports.
    """

    def __init__(self, name: str = "torch", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)


@register
class Caffe(Loss):
    """The mean of the outputs, as :class:`Loss`, by another name.

    >>> import numpy as np, mxcore as mx
    >>> loss = mx.metric.Caffe()
    >>> loss.update(None, [np.array([0.5, 1.5])])
    >>> loss.get()
    ('caffe', 1.0)

    Args:
        name: the name in reports.
    """

    def __init__(self, name: str = "caffe", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
