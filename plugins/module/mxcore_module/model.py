"""Networks in files, and the state of training that callbacks see: ``mx.model``.

>>> import mxcore as mx
>>> mx.model.params_file("net", 5)
'net-0005.params'
"""

from __future__ import annotations

from mxcore.backend import Array
from mxcore_module.callback import BatchEndParam
from mxcore_module.checkpoint import (
    load_checkpoint,
    load_parameters,
    params_file,
    save_checkpoint,
    save_parameters,
    states_file,
)
from mxcore_module.feedforward import FeedForward

__all__ = [
    "BatchEndParam",
    "FeedForward",
    "load_checkpoint",
    "load_parameters",
    "load_params",
    "params_file",
    "save_checkpoint",
    "save_parameters",
    "states_file",
]


def load_params(prefix: str, epoch: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Load the parameters and auxiliary states of a checkpoint, without its network.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prefix = os.path.join(folder, "net")
    ...     mx.model.save_checkpoint(prefix, 5, None, {"fc_bias": np.zeros(2)}, {})
    ...     mx.model.load_params(prefix, 5)
    ({'fc_bias': array([0., 0.])}, {})

    Args:
        prefix: how the path begins.
        epoch: the number in the name.

    Raises:
        ValueError: the file holds something else.
    """
    return load_parameters(params_file(prefix, epoch))
