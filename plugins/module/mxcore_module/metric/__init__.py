"""Metrics of a network: running averages over the batches of an epoch.

Create a metric by name, update it with the labels and predictions of each batch, and read the average since its last
reset.

Example:
    >>> import numpy
    >>> accuracy = create("acc")
    >>> accuracy.update([numpy.array([0, 1])], [numpy.array([[0.9, 0.1], [0.8, 0.2]])])
    >>> accuracy.get()
    ('accuracy', 0.5)
"""

from mxcore_module.metric.agreement import F1, MCC, PCC, PearsonCorrelation
from mxcore_module.metric.base import EvalMetric, alias, check_label_shapes, register
from mxcore_module.metric.classification import (
    Accuracy,
    CrossEntropy,
    NegativeLogLikelihood,
    Perplexity,
    TopKAccuracy,
)
from mxcore_module.metric.combined import CompositeEvalMetric, CustomMetric, create, np
from mxcore_module.metric.regression import MAE, MSE, RMSE, Caffe, Loss, Torch

__all__ = [
    "F1",
    "MAE",
    "MCC",
    "MSE",
    "PCC",
    "RMSE",
    "Accuracy",
    "Caffe",
    "CompositeEvalMetric",
    "CrossEntropy",
    "CustomMetric",
    "EvalMetric",
    "Loss",
    "NegativeLogLikelihood",
    "PearsonCorrelation",
    "Perplexity",
    "TopKAccuracy",
    "Torch",
    "alias",
    "check_label_shapes",
    "create",
    "np",
    "register",
]
