"""The optimizer of a module: created for its parameters, or adapted to them."""

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
    """Return an optimizer for the parameters of a network.

    Args:
        optimizer: a name, or an optimizer, which is returned after adding the names that it lacks.
        params: the arguments for a name; by default, ``rescale_grad`` is 1 / ``batch_size``.
        symbol: the network, whose variables may have multipliers.
        names: the names of its parameters, in the order of their indices.
        batch_size: the number of rows in a batch.
    """
    table: dict[Any, str] = dict(enumerate(names))
    rescale = 1.0 / batch_size
    if not isinstance(optimizer, Optimizer):
        options = {"rescale_grad": rescale, **params}
        return optimizers.create(optimizer, sym=symbol, param_idx2name=table, **options)
    if optimizer.rescale_grad != rescale:
        warnings.warn(
            f"the optimizer has rescale_grad={optimizer.rescale_grad}, not 1 / batch size = {rescale}: "
            "is this intended?",
            UserWarning,
            stacklevel=3,
        )
    if not optimizer.idx2name:
        _introduce(optimizer, symbol, table)
    return optimizer


def _introduce(optimizer: Optimizer, symbol: Symbol, table: Mapping[Any, str]) -> None:
    """Give an optimizer the names of the parameters, which determine weight decay and multipliers."""
    optimizer.idx2name.update(table)
    if not optimizer.sym_info:
        optimizer.sym_info = symbol
    # What the user has set overrides what follows from names and symbol.
    optimizer.set_lr_mult(dict(optimizer.lr_mult))
    optimizer.set_wd_mult(dict(optimizer.wd_mult))
