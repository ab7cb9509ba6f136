"""What every module has: the calls that a subclass defines, and those that follow from them."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mxcore.backend import Array
from mxcore_module.checkpoint import load_parameters, save_parameters
from mxcore_module.graph import Symbol
from mxcore_module.io import DataBatch
from mxcore_module.metric import EvalMetric

__all__ = ["ModuleInterface", "Params", "require"]

Params = Mapping[str, Array]


def require(condition: bool, message: str) -> None:
    """Raise an AssertionError for calls in the wrong order, as MXNet does."""
    if not condition:
        raise AssertionError(message)


class ModuleInterface:
    """The calls of a module, most of which a subclass of :class:`~mxcore_module.base_module.BaseModule` defines."""

    binded = False
    for_training = False
    inputs_need_grad = False
    params_initialized = False
    optimizer_initialized = False
    logger: Any = logging
    _symbol: Symbol | None = None

    def __init__(self, logger: Any = logging) -> None:
        self.logger = logger

    @property
    def symbol(self) -> Any:
        """The network, an ``mx.symbol.Symbol``; None if there is none."""
        return self._symbol

    # --- what a subclass defines -------------------------------------------------------------------------------------

    def bind(self, data_shapes: Any, label_shapes: Any = None, *args: Any, **kwargs: Any) -> None:
        """Allocate the arrays."""
        raise NotImplementedError

    def init_params(self, *args: Any, **kwargs: Any) -> None:
        """Initialise the parameters."""
        raise NotImplementedError

    def init_optimizer(self, *args: Any, **kwargs: Any) -> None:
        """Create the optimizer."""
        raise NotImplementedError

    def forward(self, data_batch: DataBatch, is_train: bool | None = None) -> None:
        """Compute the outputs."""
        raise NotImplementedError

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients."""
        raise NotImplementedError

    def update(self) -> None:
        """Update the parameters from their gradients."""
        raise NotImplementedError

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Any] | None, pre_sliced: bool = False) -> None:
        """Update a metric with the outputs."""
        raise NotImplementedError

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the outputs of the last forward pass."""
        raise NotImplementedError

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the gradients of the data."""
        raise NotImplementedError

    def get_params(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return copies of the parameters and the auxiliary states."""
        raise NotImplementedError

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor see what is computed."""
        raise NotImplementedError

    # --- what may be defined -----------------------------------------------------------------------------------------

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Get ready for the next batch; :meth:`fit`, :meth:`score` and :meth:`predict` call it.

        Args:
            data_batch: the batch.
            sparse_row_id_fn: accepted for compatibility with MXNet, with a warning: all parameters are dense.
        """
        if sparse_row_id_fn is not None:
            warnings.warn("sparse_row_id_fn is not called: all parameters are dense", UserWarning, stacklevel=2)

    def set_params(
        self,
        arg_params: Params,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Set parameters and auxiliary states, by :meth:`init_params`."""
        self.init_params(
            initializer=None,
            arg_params=arg_params,
            aux_params=aux_params or {},
            allow_missing=allow_missing,
            force_init=force_init,
            allow_extra=allow_extra,
        )

    def borrow_optimizer(self, shared_module: Any) -> None:
        """Use the optimizer of another module; modules that have none cannot."""
        raise NotImplementedError

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the arrays of inputs that are states; there are none by default."""
        return []

    def set_states(self, states: Sequence[Any] | None = None, value: float | None = None) -> None:
        """Set the arrays of inputs that are states; there are none by default."""
        require(not states and not value, f"{type(self).__name__} has no states")

    def save_params(self, fname: str | os.PathLike[str]) -> None:
        """Write parameters and auxiliary states to one file, by :func:`mxcore_module.checkpoint.save_parameters`."""
        save_parameters(fname, *self.get_params())

    def load_params(self, fname: str | os.PathLike[str]) -> None:
        """Set parameters and auxiliary states from a file of :meth:`save_params`."""
        self.set_params(*load_parameters(fname))
