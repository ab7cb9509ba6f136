"""The hooks that a plugin can implement, and their arguments. See :mod:`mxcore.hooks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pluggy

from mxcore.backend import Array
from mxcore.step.protocol import Index, Run
from mxcore.step.states import Arrays

_hookspec = pluggy.HookspecMarker("mxcore")


@_hookspec
def mxcore_before_step(updater: Run, indices: Sequence[Index], weights: Arrays, grads: Arrays) -> None:
    """Called after an updater has checked its arguments, before anything changes. Do not write to the arrays."""


@_hookspec
def mxcore_after_step(updater: Run, indices: Sequence[Index], weights: Arrays, grads: Arrays) -> None:
    """Called after an updater has updated ``weights``."""


@_hookspec
def mxcore_initialized(initializer: Callable[[Any, Array], None], desc: str, array: Array) -> None:
    """Called after an initializer has filled ``array``. ``desc`` is the name: a str, possibly an ``InitDesc``."""


@_hookspec
def mxcore_saved(path: Path, updater: Run) -> None:
    """Called after the state of an updater has been written to ``path``."""


@_hookspec
def mxcore_loaded(path: Path, updater: Run) -> None:
    """Called after the state of an updater has been read from ``path``."""
