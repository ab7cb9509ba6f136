"""Save a run and go on with it, to the same bits as if it had not stopped.

The state of an updater is what its optimizer keeps for each parameter, the counters, the position of the schedule and
of the random numbers, and the hyper-parameters; and, so that a reader knows what wrote it, the plugin and its version.
It is one safetensors file: arrays that any tool can read, and a JSON manifest as its metadata. There is no pickle.

>>> import numpy as np, mxcore as mx, tempfile, os
>>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
>>> def start():
...     return mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1))
>>> weight, updater = np.ones(3), start()
>>> updater("w", np.ones(3), weight)
>>> mx.save_state(path, updater, {"w": weight})
>>> updater = start()
>>> weight = mx.load_state(path, updater)["w"]
>>> updater.optimizer.num_update
1
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mxcore import hooks, random
from mxcore.backend import Array, Host
from mxcore.state import restore
from mxcore.state.atomic import write_atomically
from mxcore.state.manifest import FORMAT, describe, pack_state
from mxcore.state.tensorfile import Packer, load_arrays, map_arrays, save_arrays, serialize
from mxcore.step import viewed
from mxcore.step.protocol import Run

__all__ = ["load_arrays", "load_state", "map_arrays", "save_arrays", "save_state"]


def save_state(path: str | os.PathLike[str], updater: Run, params: Mapping[str, Array] | None = None) -> None:
    """Write everything that ``updater`` needs to go on, and ``params`` beside it, to one file.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> updater, weight = mx.optimizer.get_updater(mx.optimizer.Adam()), np.ones(2)
    >>> updater("w", np.ones(2), weight)
    >>> mx.save_state(path, updater, {"w": weight})
    >>> os.listdir(os.path.dirname(path))
    ['run.safetensors']

    Args:
        path: the file; it is written under another name first, then renamed.
        updater: the updater; what it keeps may be nested tuples, lists, dicts, numbers, text, None and arrays.
        params: arrays to keep with it, such as the weights, by name.

    Raises:
        TypeError: something cannot be saved; the message names it, and nothing has been written.
    """
    write_atomically(Path(path), dump(updater, params=params))
    hooks.call("mxcore_saved", path=Path(path), updater=updater)


def load_state(
    path: str | os.PathLike[str], updater: Run, params: Mapping[str, Array] | None = None
) -> dict[str, Host]:
    """Let ``updater`` go on where the one that was saved had stopped.

    Parameters are recognised by name, where both updaters have ``param_idx2name``, else by index. Hyper-parameters
    are those of the file; where the updater had others, a warning lists them.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> updater, weight = mx.optimizer.get_updater(mx.optimizer.Adam()), np.ones(2)
    >>> updater("w", np.ones(2), weight)
    >>> mx.save_state(path, updater, {"w": weight})
    >>> resumed = mx.optimizer.get_updater(mx.optimizer.Adam())
    >>> weight = mx.load_state(path, resumed)["w"]
    >>> resumed.optimizer.num_update
    1

    Args:
        path: a file of :func:`save_state`.
        updater: an updater with an optimizer of the same class.
        params: arrays to be filled in place from those that were saved under the same names.

    Returns:
        The saved ``params`` by name, on the host.

    Raises:
        ValueError: the file does not fit; the message lists all that does not, and nothing has changed.
    """
    saved = restore.restore(updater, Path(path).read_bytes(), params=params, source=str(path))
    hooks.call("mxcore_loaded", path=Path(path), updater=updater)
    return saved


def dump(updater: Run, params: Mapping[str, Array] | None = None, dump_optimizer: bool = False) -> bytes:
    """The bytes of the file that :func:`save_state` writes."""
    packer = Packer()
    with viewed(updater.optimizer, updater.tally):
        described = describe(updater.optimizer)
    manifest = {
        "format": FORMAT,
        "optimizer": described,
        "restore_optimizer": dump_optimizer,
        "random": random.get_state(),
        "states": [pack_state(packer, updater, index) for index in updater.states],
        "params": {name: packer.pack(array, f"params/{name}") for name, array in (params or {}).items()},
    }
    return serialize(packer.arrays, manifest)
