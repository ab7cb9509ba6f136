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
    """Write everything that ``updater`` needs to go on, and ``params`` beside it, to one file.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> updater, weight = mx.optimizer.get_updater(mx.optimizer.Adam()), np.ones(2)
    >>> updater("w", np.ones(2), weight)
    >>> mx.save_state(path, updater, {"w": weight})
    >>> os.listdir(os.path.dirname(path))
    ['run.safetensors']

    Args:
        path: the file; it is written under another name first, then renamed. One that is replaced hands down its mode
            and owner, and a symbolic link is followed.
        updater: the updater; what it keeps may be nested tuples, lists, dicts, numbers, text, None and arrays.
        params: arrays to keep with it, such as the weights, by name.

    Raises:
        TypeError: something cannot be saved; the message names it, and nothing has been written.
        OSError: the file cannot be written, or is a device or a pipe; the message names ``path``.
    """
    _check("save_state", path, updater, params)
    with updater.lock:
        write_atomically(Path(path), _parts(updater, params))
    hooks.call("mxcore_saved", path=Path(path), updater=updater)


def load_state(
    path: AnyPath, updater: Run, params: Mapping[str, Array] | None = None, *, restore_optimizer: bool = False
) -> dict[str, Host]:
    """Let ``updater`` go on where the one that was saved had stopped.

    Parameters are recognised by name, where both updaters have ``param_idx2name``, else by index; a name that several
    parameters share does not count. Hyper-parameters are those of the file; where the updater had others, a warning
    lists them.

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
        restore_optimizer: let the updater have an optimizer of the class that was saved, if it had one of another. The
            class must have been used in this process before: a file imports nothing.

    Returns:
        The saved ``params`` by name, on the host.

    Raises:
        ValueError: the file does not fit, is damaged, or is none; the message says all that is wrong, or where it is,
            and nothing has changed.
        OSError: it cannot be opened.
    """
    _check("load_state", path, updater, params)
    with updater.lock, open_regular(path) as file:
        saved = restore.restore(updater, file, params, str(path), restore_optimizer)
    hooks.call("mxcore_loaded", path=Path(path), updater=updater)
    return saved


def dump(updater: Run, dump_optimizer: bool = False) -> bytes:
    """The bytes of the file that :func:`save_state` writes."""
    file = io.BytesIO()
    file.writelines(_parts(updater, None, dump_optimizer))  # part by part: a join would hold all of them at a time
    return file.getvalue()


def _parts(updater: Run, params: Mapping[str, Array] | None, dump_optimizer: bool = False) -> Iterator[Any]:
    """The file in parts, each made when it is asked for; all that cannot be saved is found before the first."""
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
    """See that the arguments are what they should be, and in their order.

    Raises:
        TypeError: they are not.
    """
    order = f"{function}(path, updater, params)"
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{order}: the path of a file comes first, got {path!r:.100}")
    if not (hasattr(updater, "states") and hasattr(updater, "tally")):
        hint = ", which mx.optimizer.get_updater(optimizer) makes" if is_optimizer(updater) else ""
        raise TypeError(f"{order}: the second argument must be an updater{hint}, got {updater!r:.100}")
    if not isinstance(params, (Mapping, type(None))):
        raise TypeError(f"{order}: params must be a dict of arrays by name, got {params!r:.100}")
    for name, array in (params or {}).items() if function == "load_state" else ():
        try:
            backend_of(array)
        except TypeError as error:
            raise TypeError(f"{order}: params {name!r} cannot be filled: {error}") from None
