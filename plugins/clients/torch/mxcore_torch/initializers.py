"""Initializers of mxcore for modules of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.graph import increment_version

import mxcore as mx
from mxcore_torch.views import tensor_over, view

__all__ = ["initialize"]


def initialize(module: torch.nn.Module, name: Any, **arguments: Any) -> None:
    """Initialize the parameters of a module by their names.

    Weights get what the initializer says, biases 0, and the weights of normalizations 1. The values depend on the seed
    and on the name of each parameter alone.

    >>> import torch, mxcore as mx
    >>> layer = torch.nn.Linear(3, 2)
    >>> _ = mx.random.seed(0)
    >>> mx.torch.initialize(layer, "orthogonal")
    >>> bool(torch.allclose(layer.weight @ layer.weight.T, 2 * torch.eye(2), atol=0.01)), layer.bias.tolist()
    (True, [0.0, 0.0])

    Args:
        module: the module.
        name: the initializer, by name, or itself.
        arguments: those of the initializer.

    Raises:
        ValueError: the initializer cannot initialize a parameter of this shape; nothing has changed then.
    """
    initializer = mx.init.create(name, **arguments) if isinstance(name, str) else name
    norms = {id(part.weight) for part in module.modules() if _is_norm(part)}
    found = []
    for label, param in module.named_parameters():
        array = np.empty(tuple(param.shape), view(param.detach().cpu()).dtype)
        initializer(_described(label, param, id(param) in norms), array)
        found.append((param, array))
    for param, array in found:
        param.detach().copy_(tensor_over(array))
    increment_version([param for param, _ in found])


def _is_norm(part: torch.nn.Module) -> bool:
    return "Norm" in type(part).__name__ and isinstance(getattr(part, "weight", None), torch.nn.Parameter)


def _described(label: str, param: torch.Tensor, is_gain: bool) -> Any:
    """Return the name by which an initializer knows what a parameter is."""
    if is_gain:
        return mx.init.InitDesc(label.removesuffix("weight") + "gamma")
    if label.endswith(("weight", "bias")):
        return mx.init.InitDesc(label)
    last = label.rpartition(".")[2]
    return mx.init.InitDesc(f"{label}.{'bias' if last.startswith('bias') or param.ndim < 2 else 'weight'}")
