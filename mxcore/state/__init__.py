"""Save a run and resume it, with the same bits as if it had not stopped.

The state of an updater is what its optimizer keeps for each parameter, the counters, the position of the schedule and
of the random numbers, the hyper-parameters, and the plugin and version that wrote it. It is saved as one safetensors
file: arrays that any tool can read, with a JSON manifest as metadata. Nothing is pickled.

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

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mxcore import hooks, random
from mxcore.backend import Array, Host, backend_of
from mxcore.state import restore
from mxcore.state.atomic import AnyPath, open_regular, write_atomically
from mxcore.state.manifest import FORMAT, describe, is_optimizer, pack_state
from mxcore.state.packing import Packer, map_arrays
from mxcore.state.tensorfile import load_arrays, save_arrays, serialize
from mxcore.step import viewed
from mxcore.step.protocol import Run

__all__ = ["load_arrays", "load_state", "map_arrays", "save_arrays", "save_state"]


def save_state(path: AnyPath, updater: Run, params: Mapping[str, Array] | None = None) -> None:
    """Write everything that ``updater`` needs to resume, together with ``params``, to one file.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> updater, weight = mx.optimizer.get_updater(mx.optimizer.Adam()), np.ones(2)
    >>> updater("w", np.ones(2), weight)
    >>> mx.save_state(path, updater, {"w": weight})
    >>> os.listdir(os.path.dirname(path))
    ['run.safetensors']

    Args:
        path: the file. It is written under another name and then renamed. It takes over the mode and owner of a file
            that it replaces, and symbolic links are followed.
        updater: the updater; its states may be nested tuples, lists, dicts, numbers, strings, None and arrays.
        params: further arrays to save, such as the weights, by name.

    Raises:
        TypeError: something cannot be saved; the message names it, and nothing has been written.
        OSError: the file cannot be written, or is a device or pipe; the message names ``path``.
    """
    _check("save_state", path, updater, params)
    with updater.lock:
        write_atomically(Path(path), _parts(updater, params))
    hooks.call("mxcore_saved", path=Path(path), updater=updater)


def load_state(
    path: AnyPath, updater: Run, params: Mapping[str, Array] | None = None, *, restore_optimizer: bool = False
) -> dict[str, Host]:
    """Make ``updater`` resume where the saved one stopped.

    Parameters are matched by name if both updaters have ``param_idx2name``, or else by index, as are parameters that
    share a name. The hyper-parameters of the file are used; if they differ from the updater's, a warning lists them.

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
        path: a file written by :func:`save_state`.
        updater: an updater with an optimizer of the same class.
        params: arrays to fill in place with those saved under the same names.
        restore_optimizer: if the saved optimizer has another class, give the updater a new optimizer of that class. It
            must have been used in this process before, because a file imports nothing.

    Returns:
        The saved ``params`` by name, as host arrays.

    Raises:
        ValueError: the file does not fit, is damaged, or is not a saved state; the message lists every problem, and
            nothing has changed.
        OSError: the file cannot be opened.
    """
    _check("load_state", path, updater, params)
    with updater.lock, open_regular(path) as file:
        saved = restore.restore(updater, file, params, str(path), restore_optimizer)
    hooks.call("mxcore_loaded", path=Path(path), updater=updater)
    return saved


def dump(updater: Run, dump_optimizer: bool = False) -> bytes:
    """Return the bytes of the file that :func:`save_state` writes."""
    file = io.BytesIO()
    file.writelines(_parts(updater, None, dump_optimizer))  # part by part: a join would hold all of them in memory
    return file.getvalue()


def _parts(updater: Run, params: Mapping[str, Array] | None, dump_optimizer: bool = False) -> Iterator[Any]:
    """Yield the file in parts, created on demand; whatever cannot be saved raises an error before the first part."""
    updater.check_settled()
    packer = Packer()
    with viewed(updater.optimizer, updater.tally):
        described = describe(updater.optimizer)
    manifest = {
        "format": FORMAT,
        "optimizer": described,
        "restore_optimizer": dump_optimizer,
        "random": random.get_state(),
        "states": [pack_state(packer, updater, index) for index in updater.states],
        "params": packer.pack_named(params or {}, "params/"),
    }
    return serialize(packer.arrays, manifest)


def _check(function: str, path: Any, updater: Any, params: Any) -> None:
    """Check the types and the order of the arguments.

    Raises:
        TypeError: an argument has the wrong type.
    """
    order = f"{function}(path, updater, params)"
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{order}: the first argument must be the path of a file, got {path!r:.100}")
    if not (hasattr(updater, "states") and hasattr(updater, "tally")):
        hint = " from mx.optimizer.get_updater(optimizer)" if is_optimizer(updater) else ""
        raise TypeError(f"{order}: the second argument must be an updater{hint}, got {updater!r:.100}")
    if not isinstance(params, (Mapping, type(None))):
        raise TypeError(f"{order}: params must be a dict of arrays by name, got {params!r:.100}")
    for name, array in (params or {}).items() if function == "load_state" else ():
        try:
            backend_of(array)
        except TypeError as error:
            raise TypeError(f"{order}: params {name!r} cannot be filled: {error}") from None
