"""Import the namespaces of plugins like submodules: ``import mxcore.nd as nd``, ``from mxcore.io import DataIter``.

This module is a finder of Python's import system, which is asked after all others.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any


def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG001
    """Find a namespace, and the modules in it; each keeps its own name and is not imported twice.

    >>> import mxcore as mx
    >>> import mxcore.metric, mxcore.nd.contrib
    >>> mxcore.metric is mx.metric, mxcore.nd.contrib is mx.nd.contrib, mx.nd.contrib.__name__
    (True, True, 'mxcore_nd.contrib')
    """
    head, _, last = name.rpartition(".")
    found = getattr(sys.modules[head], last, None) if head == "mxcore" and not last.startswith("_") else None
    if not isinstance(found, ModuleType):
        return None
    own, spec = found.__name__, found.__spec__  # which importing under another name would replace
    inside = [one for one in sys.modules if one.startswith(f"{own}.")]
    sys.modules.update({f"{name}{one.removeprefix(own)}": sys.modules[one] for one in inside})
    finish = {"create_module": lambda _: found, "exec_module": lambda module: setattr(module, "__spec__", spec)}
    return ModuleSpec(name, SimpleNamespace(**finish))  # type: ignore[arg-type]
