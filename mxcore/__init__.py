"""mxcore: initializers, optimizers and learning-rate schedulers by name, over NumPy and CuPy.

>>> import numpy as np, mxcore as mx
>>> weight = np.zeros(2)
>>> updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
>>> updater("w", np.array([1.0, 2.0]), weight)
>>> weight
array([-0.5, -1. ])
"""

from __future__ import annotations

import numpy as _numpy  # noqa: F401 - first, so that `python -X importtime` charges NumPy's own imports to NumPy

# isort: split
import importlib
import sys
from typing import TYPE_CHECKING, Any

from mxcore import backend, catalogue, importing, initializer, lr_scheduler, random
from mxcore import initializer as init
from mxcore.backend import cpu, gpu
from mxcore.catalogue import registry
from mxcore.declarations import hyperparameter, hyperparameters
from mxcore.native.emitters import get_num_threads, set_num_threads
from mxcore.validators import (
    Validator,
    boolean,
    in_range,
    integer,
    non_negative,
    number,
    one_of,
    optional,
    positive,
    stabilizing,
    string,
    text,
)
from mxcore.version import __version__

if TYPE_CHECKING:
    from mxcore import hooks as hooks
    from mxcore import kernel, optimizer
    from mxcore import kvstore as kvstore
    from mxcore import state as state
    from mxcore.adapting import OneByOne
    from mxcore.kernel import Slot
    from mxcore.kernel.rule.reduction import dot, max, mean, norm, sum
    from mxcore.keyed import Keyed
    from mxcore.loss_scale import DynamicLossScale
    from mxcore.state import load_state, save_state

__all__ = [
    "DynamicLossScale", "Keyed", "OneByOne", "Slot", "Validator", "__version__", "backend", "boolean",
    "catalogue", "cpu", "dot", "get_num_threads", "gpu", "hyperparameter", "hyperparameters", "in_range", "init",
    "initializer", "integer", "kernel", "load_state", "lr_scheduler", "max", "mean", "non_negative", "norm",
    "number", "one_of", "optimizer", "optional", "positive", "random", "registry", "save_state", "set_num_threads",
    "stabilizing", "string", "sum", "text",
]  # fmt: skip

sys.meta_path.append(importing)

# Imported on first use: together they would take as long as the rest of `import mxcore`.
_LAZY = {
    **{module: module for module in ("exchange", "hooks", "kernel", "kvstore", "optimizer", "state")},
    "kv": "kvstore",
    "Context": "backend:Context",
    "DynamicLossScale": "loss_scale:DynamicLossScale",
    "Keyed": "keyed:Keyed",
    "OneByOne": "adapting:OneByOne",
    "Slot": "kernel:Slot",
    "cbrt": "kernel.rule.roots:cbrt",
    **{name: f"kernel.rule.reduction:{name}" for name in ("dot", "max", "mean", "norm", "sum")},
    "load_state": "state:load_state",
    "save_state": "state:save_state",
}


def __getattr__(name: str) -> Any:
    """Import a lazy part of the core, or a namespace of a plugin such as ``mx.mod``."""
    if name in _LAZY:
        module, _, attribute = _LAZY[name].partition(":")
        found = importlib.import_module(f"mxcore.{module}")
        return getattr(found, attribute) if attribute else found
    if name.startswith("_"):
        raise AttributeError(f"module 'mxcore' has no attribute {name!r}")
    try:
        return catalogue.load("namespace", name)
    except (catalogue.UnknownNameError, catalogue.NotInstalledError) as error:
        hint = f"{error}; for a name of MXNet, see 'MXNet names that are missing here' in the documentation"
        raise AttributeError(f"module 'mxcore' has no attribute {name!r} ({hint})") from None


def __dir__() -> list[str]:
    """List the public names and the namespaces of installed plugins, without importing anything."""
    return sorted({*__all__, *_LAZY, *(record.name for record in catalogue.records("namespace"))})
