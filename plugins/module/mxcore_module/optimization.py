"""The optimizer of a module: made for its parameters, or told about them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mxcore import optimizer as optimizers
from mxcore.optimizer import Optimizer
from mxcore_module.graph import Symbol

__all__ = ["make_optimizer"]


def make_optimizer(
    optimizer: Any, params: Mapping[str, Any], symbol: Symbol, names: Sequence[str], batch_size: int
) -> Optimizer:
    """An optimizer for the parameters of a network.

    Args:
        optimizer: a name, or an optimizer, which is returned after it has been told what it does not know.
        params: the arguments for a name; ``rescale_grad`` is 1 / ``batch_size`` unless it is among them.
        symbol: the network, whose variables carry multipliers.
        names: the names of its parameters, in the order of their indices.
        batch_size: the number of rows in a batch.
    """
    table: dict[int | str, str] = dict(enumerate(names))
    rescale = 1.0 / batch_size
    if not isinstance(optimizer, Optimizer):
        options = {"rescale_grad": rescale, **params}
        return optimizers.create(optimizer, sym=symbol, param_idx2name=table, **options)
    if optimizer.rescale_grad != rescale:
        warnings.warn(
            f"the optimizer was made with rescale_grad={optimizer.rescale_grad}, not 1 / batch size = {rescale}: "
            "is this intended?",
            UserWarning,
            stacklevel=3,
        )
    if not optimizer.idx2name:
        _introduce(optimizer, symbol, table)
    return optimizer


def _introduce(optimizer: Optimizer, symbol: Symbol, table: Mapping[int | str, str]) -> None:
    """Tell an optimizer the names of the parameters, and with them which decay and which have multipliers."""
    optimizer.idx2name.update(table)
    if not optimizer.sym_info:
        optimizer.sym_info = symbol
    # What the user had set stays above what now follows from names and symbol.
    optimizer.set_lr_mult(dict(optimizer.lr_mult))
    optimizer.set_wd_mult(dict(optimizer.wd_mult))
