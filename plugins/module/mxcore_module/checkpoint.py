"""A trained network on disk: the graph as JSON, the parameters as safetensors."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mxcore.backend import Array
from mxcore_module import symbol as symbols
from mxcore_module.graph import Symbol

__all__ = ["load_checkpoint", "load_parameters", "params_file", "save_checkpoint", "save_parameters", "states_file"]

Arrays = dict[str, Array]


def params_file(prefix: str, epoch: int, evaluation: bool = False) -> str:
    """Return the path of the parameters after an epoch.

    >>> import mxcore as mx
    >>> mx.model.params_file("net", 5), mx.model.params_file("net", 5, evaluation=True)
    ('net-0005.params', 'net-0005-evaluation.params')

    Args:
        prefix: how the path begins.
        epoch: the number in the name.
        evaluation: whether they are the weights to evaluate with, instead of those that are trained.
    """
    return f"{prefix}-{epoch:04d}{'-evaluation' * evaluation}.params"


def states_file(prefix: str, epoch: int) -> str:
    """Return the path of the optimizer's state after an epoch.

    >>> import mxcore as mx
    >>> mx.model.states_file("net", 5)
    'net-0005.states'
    """
    return f"{prefix}-{epoch:04d}.states"


def save_parameters(
    fname: str | os.PathLike[str], arg_params: Mapping[str, Array], aux_params: Mapping[str, Array]
) -> None:
    """Write parameters and auxiliary states to a safetensors file, completely or not at all.

    >>> import numpy as np, mxcore as mx, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mx.model.save_parameters(os.path.join(folder, "net.params"), {"fc_bias": np.zeros(2)}, {})
    ...     mx.model.load_parameters(os.path.join(folder, "net.params"))
    ({'fc_bias': array([0., 0.])}, {})

    Args:
        fname: the file.
        arg_params: the parameters, by name.
        aux_params: the auxiliary states, by name.
    """
    from mxcore.state import save_arrays  # imported on first use

    arguments = {f"arg:{name}": array for name, array in arg_params.items()}
    save_arrays(fname, {**arguments, **{f"aux:{name}": array for name, array in aux_params.items()}})


def load_parameters(fname: str | os.PathLike[str]) -> tuple[Arrays, Arrays]:
    """Load the parameters and auxiliary states that :func:`save_parameters` wrote, as host arrays.

    >>> import numpy as np, mxcore as mx, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mx.model.save_parameters(os.path.join(folder, "net.params"), {}, {"mean": np.ones(1)})
    ...     arg_params, aux_params = mx.model.load_parameters(os.path.join(folder, "net.params"))
    >>> arg_params, aux_params
    ({}, {'mean': array([1.])})

    Args:
        fname: the file.

    Raises:
        ValueError: the file holds something else.
    """
    from mxcore.state import load_arrays

    parts: dict[str, Arrays] = {"arg": {}, "aux": {}}
    for key, array in load_arrays(fname)[0].items():
        kind, _, name = key.partition(":")
        if kind not in parts:
            raise ValueError(f"{os.fspath(fname)} holds {key!r}: names in it must start with arg: or aux:")
        parts[kind][name] = array
    return parts["arg"], parts["aux"]


def save_checkpoint(
    prefix: str,
    epoch: int,
    symbol: Symbol | None,
    arg_params: Mapping[str, Array],
    aux_params: Mapping[str, Array],
    remove_amp_cast: bool = True,  # noqa: ARG001  # an argument of MXNet
) -> None:
    """Write ``prefix-symbol.json`` and ``prefix-NNNN.params``.

    >>> import numpy as np, mxcore as mx, tempfile, os
    >>> net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2, name="fc")
    >>> values = {"fc_weight": np.ones((2, 3)), "fc_bias": np.zeros(2)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mx.model.save_checkpoint(os.path.join(folder, "net"), 5, net, values, {})
    ...     sorted(os.listdir(folder))
    ['net-0005.params', 'net-symbol.json']

    Args:
        prefix: where the files go, and how their names begin.
        epoch: the number in the name.
        symbol: the network; None to write only the parameters.
        arg_params: the parameters, by name.
        aux_params: the auxiliary states, by name.
        remove_amp_cast: accepted for compatibility with MXNet: there are no such nodes.
    """
    if symbol is not None:
        symbol.save(f"{prefix}-symbol.json")
    save_parameters(params_file(prefix, epoch), arg_params, aux_params)


def load_checkpoint(prefix: str, epoch: int) -> tuple[Symbol, Arrays, Arrays]:
    """Load the network, parameters and auxiliary states that :func:`save_checkpoint` wrote.

    >>> import numpy as np, mxcore as mx, tempfile, os
    >>> net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2, name="fc")
    >>> values = {"fc_weight": np.ones((2, 3)), "fc_bias": np.zeros(2)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prefix = os.path.join(folder, "net")
    ...     mx.model.save_checkpoint(prefix, 5, net, values, {})
    ...     net, arg_params, aux_params = mx.model.load_checkpoint(prefix, 5)
    >>> net.list_outputs(), arg_params["fc_bias"], aux_params
    (['fc_output'], array([0., 0.]), {})

    Raises:
        ValueError: a file holds something else.
    """
    return symbols.load(f"{prefix}-symbol.json"), *load_parameters(params_file(prefix, epoch))
