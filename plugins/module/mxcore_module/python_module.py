"""Modules that are written in Python, without a symbol, such as losses at the end of a chain."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array
from mxcore_module.arrays import readable
from mxcore_module.base_module import BaseModule
from mxcore_module.metric import EvalMetric
from mxcore_module.module_interface import require

__all__ = ["PythonLossModule", "PythonModule"]


class PythonModule(BaseModule):
    """A module without parameters, whose passes a subclass defines.

    A subclass defines ``forward``, ``get_outputs``, ``_compute_output_shapes`` and, to be trained through, ``backward``
    and ``get_input_grads``.

    >>> import numpy as np, mxcore as mx
    >>> class Doubled(mx.mod.PythonModule):
    ...     def _compute_output_shapes(self):
    ...         return [("doubled_output", self.data_shapes[0][1])]
    ...     def forward(self, data_batch, is_train=None):
    ...         self.outputs = [2 * data_batch.data[0]]
    ...     def get_outputs(self, merge_multi_context=True):
    ...         return self.outputs
    >>> mod = Doubled(["data"], None, ["doubled_output"])
    >>> mod.bind([("data", (1, 2))])
    >>> mod.forward(mx.io.DataBatch([np.ones((1, 2))]))
    >>> mod.output_shapes, mod.get_outputs()
    ([('doubled_output', (1, 2))], [array([[2., 2.]])])

    Args:
        data_names: the names of its data.
        label_names: those of its labels, or None.
        output_names: those of its outputs.
        logger: where messages go.
    """

    def __init__(
        self,
        data_names: Sequence[str],
        label_names: Sequence[str] | None,
        output_names: Sequence[str],
        logger: Any = logging,
    ) -> None:
        super().__init__(logger)
        self.data_names = list(data_names)
        self.label_names = None if label_names is None else list(label_names)
        self.output_names = list(output_names)
        self.data_shapes: Sequence[Any] | None = None
        self.label_shapes: Sequence[Any] | None = None
        self.output_shapes: Sequence[Any] | None = None

    def get_params(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return two empty dicts: there are no parameters."""
        return {}, {}

    def init_params(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: there are no parameters."""
        self.params_initialized = True

    def init_optimizer(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: there is nothing to update."""
        self.optimizer_initialized = True

    def update(self) -> None:
        """Do nothing: there is nothing to update."""

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Any] | None, pre_sliced: bool = False) -> None:
        """Update a metric with the outputs, if the module takes labels.

        Raises:
            RuntimeError: the labels are cut, which this module does not support.
        """
        if self.label_shapes is None:
            return
        if pre_sliced:
            raise RuntimeError("a PythonModule takes whole batches, got labels that are cut for several contexts")
        eval_metric.update(labels or [], self.get_outputs())

    def bind(
        self,
        data_shapes: Sequence[Any],
        label_shapes: Sequence[Any] | None = None,
        for_training: bool = True,
        inputs_need_grad: bool = False,
        force_rebind: bool = False,
        shared_module: Any = None,
        grad_req: str | Sequence[str] | Mapping[str, str] = "write",
    ) -> None:
        """Keep the shapes, and compute those of the outputs.

        Raises:
            AssertionError: the names are not those of the module, or ``grad_req`` is not ``"write"``.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        require(grad_req == "write", f"a PythonModule only supports grad_req='write', got {grad_req!r}")
        require([name for name, *_ in data_shapes] == self.data_names, f"data_shapes must describe {self.data_names}")
        if label_shapes is not None:
            names = [name for name, *_ in label_shapes]
            require(names == self.label_names, f"label_shapes must describe {self.label_names}, got {names}")
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self.data_shapes, self.label_shapes = data_shapes, label_shapes
        self.output_shapes = self._compute_output_shapes()
        self.binded = True

    def _compute_output_shapes(self) -> Sequence[Any]:
        """Return the names and shapes of the outputs, from ``data_shapes`` and ``label_shapes``."""
        raise NotImplementedError(f"{type(self).__name__} must define _compute_output_shapes")


class PythonLossModule(PythonModule):
    """A loss whose gradient is a function in Python. Its outputs are its data.

    >>> import numpy as np, mxcore as mx
    >>> loss = mx.mod.PythonLossModule(grad_func=lambda scores, labels: scores - labels)
    >>> loss.bind([("data", (2, 1))], [("softmax_label", (2, 1))])
    >>> loss.forward(mx.io.DataBatch([np.array([[3.0], [4.0]])], [np.array([[1.0], [1.0]])]))
    >>> loss.backward()
    >>> loss.get_input_grads()
    [array([[2.],
           [3.]])]

    Args:
        name: the name of its output, to which ``_output`` is added.
        data_names: the name of its data.
        label_names: the name of its labels.
        logger: where messages go.
        grad_func: called with data and labels; returns the gradient of the data. Without it, a subclass defines
            ``_backward_impl``, which sets ``_scores_grad`` from ``_scores`` and ``_labels``.
    """

    def __init__(
        self,
        name: str = "pyloss",
        data_names: Sequence[str] = ("data",),
        label_names: Sequence[str] = ("softmax_label",),
        logger: Any = logging,
        grad_func: Callable[[Array, Array], Any] | None = None,
    ) -> None:
        super().__init__(data_names, label_names, [f"{name}_output"], logger)
        require(len(data_names) == len(label_names) == 1, "a PythonLossModule has one input and one label")
        require(grad_func is None or callable(grad_func), f"grad_func must be a function, got {grad_func!r}")
        self._name = name
        self._grad_func = grad_func
        self._scores: Any = None
        self._labels: Any = None
        self._scores_grad: Any = None

    def _compute_output_shapes(self) -> Sequence[Any]:
        return [(f"{self._name}_output", self.data_shapes[0][1])]  # type: ignore[index]  # bind has set them

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Keep the data and, in training, the labels."""
        self._scores = data_batch.data[0]
        if self.for_training if is_train is None else is_train:
            self._labels = data_batch.label[0]

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the data."""
        return [readable(self._scores)]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradient of the data.

        Raises:
            AssertionError: there are ``out_grads``, or the module was not bound for training.
        """
        require(out_grads is None, "a loss takes no out_grads")
        require(self.for_training, "bind with for_training=True to compute gradients")
        self._backward_impl()

    def _backward_impl(self) -> None:
        if self._grad_func is None:
            raise NotImplementedError(f"{type(self).__name__} needs grad_func, or must define _backward_impl")
        grad = self._grad_func(readable(self._scores), readable(self._labels))
        self._scores_grad = grad if hasattr(grad, "shape") else np.asarray(grad, np.float32)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the gradient of the data."""
        return [readable(self._scores_grad)]
