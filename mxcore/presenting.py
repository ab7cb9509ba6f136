"""Arrays as the code of a class expects them: bare, or MXNet's NDArrays for a class that was written with ``mx.nd``.

Whether it was is read from the names that its methods use, once, when the class is defined. Its methods then hand
themselves the arrays that the plugin ``mxcore-nd`` makes; the methods of other classes stay as they are.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_MXNETS = frozenset({"nd", "context", "asscalar", "as_in_context", "wait_to_read"})
"""The names that only code for MXNet's arrays uses."""
_NUMPYS = frozenset({"np", "numpy", "cp", "cupy", "xp"})
"""The names that other array code uses, which code for MXNet's may use as well."""
_SHARED = {"ndarray": _NUMPYS, "NDArray": _NUMPYS, "copyto": _NUMPYS, "asnumpy": frozenset({"cp", "cupy", "xp"})}
"""The names of MXNet that others have, too: they count without the names of those."""
_PLUGIN = "mxcore_nd"


def hand_over(cls: type, names: Sequence[str]) -> None:
    """Let the methods of a class that have one of these names take the arrays that they were written for.

    Args:
        cls: the class, just defined.
        names: the methods that take arrays, or return them.
    """
    own = {name: method for name in names if isinstance(method := vars(cls).get(name), types.FunctionType)}
    if not own:
        return
    parents = [parent for parent in cls.__mro__ if not parent.__module__.startswith("mxcore.")]
    used = {name for parent in parents for method in vars(parent).values() for name in _used(method, set())}
    written = bool(used & _MXNETS) or any(name in used and not used & others for name, others in _SHARED.items())
    if not written and (used & _NUMPYS or cls.__module__.startswith("mxcore")):
        return
    for name, method in own.items():
        setattr(cls, name, _presented(method, written))


def _used(function: Any, seen: set[int]) -> Iterator[str]:
    """Yield the names that a function uses, and those of the functions of the same package that it calls."""
    function = inspect.unwrap(function) if isinstance(function, types.FunctionType) else function
    if not isinstance(function, types.FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        yield from code.co_names
        for name in code.co_names:
            found = function.__globals__.get(name)
            module = found.__name__ if isinstance(found, types.ModuleType) else getattr(found, "__module__", "")
            if str(module).startswith(_PLUGIN):
                yield "nd"
            elif str(module).partition(".")[0] == function.__module__.partition(".")[0]:
                yield from _used(found, seen)


def _presented(method: Callable[..., Any], written: bool) -> Callable[..., Any]:
    """Return a method that takes NDArrays instead of bare arrays, and returns them.

    Args:
        method: the method.
        written: whether it was written with ``mx.nd``; if not, it takes them once the program has used ``mx.nd``.
    """

    @functools.wraps(method)
    def presented(self: Any, what: Any, *arguments: Any, **keywords: Any) -> Any:
        if (present := _present(written)) is None:
            return method(self, what, *arguments, **keywords)
        arrays, states = arguments[:2], arguments[2:]
        given = [*(_listed(one, present) for one in (what, *arrays)), *(_kept(one, present) for one in states)]
        named = {name: _kept(one, present) for name, one in keywords.items()}
        return _kept(method(self, *given, **named), present)

    return presented


def _present(written: bool) -> Callable[[Any], Any] | None:
    """Return what makes an NDArray of an array, if it is wanted and installed."""
    if (plugin := sys.modules.get(_PLUGIN)) is None and written:
        from mxcore import catalogue

        try:
            plugin = catalogue.load("namespace", "nd")
        except catalogue.PluginError:  # the class's own use of mx.nd will say so
            return None
    return getattr(plugin, "present", None)


def _listed(value: Any, present: Callable[[Any], Any]) -> Any:
    return [present(one) for one in value] if isinstance(value, list) else present(value)


def _kept(state: Any, present: Callable[[Any], Any]) -> Any:
    """Return a state with NDArrays; lists and dicts stay the same objects, to which a class may assign."""
    if type(state) is tuple:
        return tuple(_kept(one, present) for one in state)
    if type(state) in (list, dict):
        for key, one in enumerate(state) if type(state) is list else state.items():
            state[key] = _kept(one, present)
        return state
    return present(state)
