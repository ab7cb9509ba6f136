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

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mxcore import hooks, random
from mxcore.backend import Array, Host, backend_of
from mxcore.state import restore
from mxcore.state.atomic import AnyPath, open_regular, write_atomically
from mxcore.state.manifest import FORMAT, describe, describe_accumulated, is_optimizer, pack_state
from mxcore.state.packing import Packer, map_arrays
from mxcore.state.tensorfile import load_arrays, save_arrays, serialize
from mxcore.step import viewed
from mxcore.step.protocol import Run

__all__ = ["load_arrays", "load_state", "map_arrays", "save_arrays", "save_state"]


def save_state(path: AnyPath, updater: Run | Mapping[str, Run], params: Mapping[str, Array] | None = None) -> None:
    """Write all that ``updater`` needs to resume, and ``params``, to one file.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> mx.save_state(path, mx.optimizer.get_updater(mx.optimizer.Adam()), {"w": np.ones(2)})

    Args:
        path: the file, which is written under another name and then renamed.
        updater: the updater, or a dict of several by name. States may be nested tuples, lists and dicts of arrays and
            JSON values.
        params: further arrays to save, such as the weights, by name.

    Raises:
        TypeError: something cannot be saved; the message names it, and nothing has been written.
        OSError: the file cannot be written, or is a device or pipe; the message names ``path``.
    """
    updaters = _by_name(updater)
    _check("save_state", path, updaters, params)
    with _locked(updaters):
        write_atomically(Path(path), _parts(updaters, params))
    for one in updaters.values():
        hooks.call("mxcore_saved", path=Path(path), updater=one)


def load_state(
    path: AnyPath,
    updater: Run | Mapping[str, Run],
    params: Mapping[str, Array] | None = None,
    *,
    restore_optimizer: bool = False,
    settings: bool = True,
    strict: bool = True,
) -> dict[str, Host]:
    """Make ``updater`` resume where the saved one stopped.

    Parameters are matched by name if both updaters have ``param_idx2name``, or else by index, as are parameters that
    share a name. The hyper-parameters of the file are used; if they differ from the updater's, a warning lists them.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> updater = mx.optimizer.get_updater(mx.optimizer.Adam())
    >>> mx.save_state(path, updater, {"w": np.ones(2)})
    >>> mx.load_state(path, updater)
    {'w': array([1., 1.])}

    Args:
        path: a file written by :func:`save_state`, or one of another program that a plugin reads.
        updater: an updater with an optimizer of the same class, or a dict of several with the names in the file.
        params: arrays to fill in place with those saved under the same names.
        restore_optimizer: whether to take the class of the optimizer from the file, too. It must have been used in this
            process before, because a file imports nothing.
        settings: whether to take hyper-parameters, schedules, groups and multipliers, and not only states and counts.
        strict: whether everything has to fit; otherwise a warning lists what is left out.

    Returns:
        The saved ``params`` by name, as host arrays.

    Raises:
        ValueError: the file does not fit, is damaged, or is not a saved state; the message lists every problem, and
            nothing has changed.
        OSError: the file cannot be opened.
    """
    updaters = _by_name(updater)
    _check("load_state", path, updaters, params)
    wanted = restore.Wanted(optimizer=restore_optimizer, settings=settings, strict=strict)
    with _locked(updaters), open_regular(path) as file:
        saved = restore.restore(updaters, file, params, str(path), wanted)
    for one in updaters.values():
        hooks.call("mxcore_loaded", path=Path(path), updater=one)
    return saved


def dump(updater: Run, dump_optimizer: bool = False) -> bytes:
    """Return the bytes of the file that :func:`save_state` writes."""
    file = io.BytesIO()
    file.writelines(_parts({None: updater}, None, dump_optimizer))  # a join would hold all of them in memory
    return file.getvalue()


def _parts(
    updaters: Mapping[str | None, Run], params: Mapping[str, Array] | None, dump_optimizer: bool = False
) -> Iterator[Any]:
    """Yield the file in parts, created on demand; whatever cannot be saved raises an error before the first part."""
    for updater in updaters.values():
        updater.check_between_steps("nothing can be saved")
    packer = Packer()
    described = {name: _described(packer, updater, dump_optimizer) for name, updater in updaters.items()}
    manifest = {
        "format": FORMAT,
        **described.get(None, {"updaters": described}),
        "random": random.get_state(),
        "params": packer.pack_named(params or {}, "params/"),
    }
    return serialize(packer.arrays, manifest)


def _described(packer: Packer, updater: Run, dump_optimizer: bool) -> dict[str, Any]:
    with viewed(updater.optimizer, updater.tally):
        described = describe(updater.optimizer)
    return {
        "optimizer": described,
        "restore_optimizer": dump_optimizer,
        "states": [pack_state(packer, updater, index) for index in updater.states],
        "accumulated": describe_accumulated(packer, updater),
        "skipped": updater.gate.skipped,
    }


def _by_name(updater: Run | Mapping[str, Run]) -> dict[str | None, Run]:
    """Return updaters by name; a single one has the name None."""
    return {name: one for name, one in updater.items()} if isinstance(updater, Mapping) else {None: updater}  # noqa: C416


@contextlib.contextmanager
def _locked(updaters: Mapping[Any, Run]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for updater in sorted(updaters.values(), key=id):  # in one order, so that two threads cannot block each other
            stack.enter_context(updater.lock)
        yield


def _check(function: str, path: Any, updaters: Mapping[Any, Any], params: Any) -> None:
    """Check the types and the order of the arguments.

    Raises:
        TypeError: an argument has the wrong type.
    """
    order = f"{function}(path, updater, params)"
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{order}: the first argument must be the path of a file, got {path!r:.100}")
    for name, one in updaters.items():
        if not (hasattr(one, "states") and hasattr(one, "tally") and isinstance(name, (str, type(None)))):
            hint = " from mx.optimizer.get_updater(optimizer)" if is_optimizer(one) else ""
            raise TypeError(f"{order}: the second argument must be an updater{hint}, got {one!r:.100}")
    if not isinstance(params, (Mapping, type(None))):
        raise TypeError(f"{order}: params must be a dict of arrays by name, got {params!r:.100}")
    for name, array in (params or {}).items() if function == "load_state" else ():
        try:
            backend_of(array)
        except TypeError as error:
            raise TypeError(f"{order}: params {name!r} cannot be filled: {error}") from None
