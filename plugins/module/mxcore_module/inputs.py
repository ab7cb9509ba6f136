"""The inputs of a module: names, shapes and device."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Sequence
from typing import Any

from mxcore.backend import Array, Context, cpu
from mxcore_module.graph import Symbol
from mxcore_module.io import DataDesc

__all__ = ["check_labels", "check_match", "checked_names", "describe", "one_context", "paired"]


def checked_names(symbol: Symbol, what: str, given: Sequence[str] | None, strict: bool = True) -> list[str]:
    """Check that names are arguments of the symbol, and return them.

    Raises:
        ValueError: one is not; without ``strict`` that is a warning.
    """
    arguments = symbol.list_arguments()
    for name in given or ():
        if name in arguments:
            continue
        likely = [one for one in arguments if not one.endswith(("_weight", "_bias", "_gamma", "_beta"))]
        close = difflib.get_close_matches(name, arguments, n=1) or likely
        message = f"{what}: the symbol has no argument {name!r}; did you mean {' or '.join(map(repr, close))}?"
        if strict:
            raise ValueError(message)
        warnings.warn(message, UserWarning, stacklevel=3)  # the code that creates the module
    return list(given or ())


def one_context(context: Context | Sequence[Context] | None) -> Context:
    """Return the device of a context or a list of one; by default the CPU.

    Raises:
        ValueError: there are several.
    """
    contexts = [cpu()] if context is None else [context] if isinstance(context, Context) else list(context)
    if len(contexts) != 1:
        raise ValueError(f"a module runs on one device, got {contexts}")
    return contexts[0]


def describe(shapes: Sequence[Any]) -> list[DataDesc]:
    """Return descriptions, given descriptions or pairs of a name and a shape."""
    return [one if isinstance(one, DataDesc) else DataDesc(*one) for one in shapes]


def check_match(what: str, names: Sequence[str], descs: Sequence[DataDesc]) -> None:
    """Check that all of these names, and no others, are described.

    Raises:
        ValueError: they are not.
    """
    if sorted(names) != sorted(desc.name for desc in descs):
        got = ", ".join(f"{desc.name} {desc.shape}" for desc in descs) or "nothing"
        raise ValueError(f"{what}_shapes must describe {', '.join(names)}, as {what}_names says, got {got}")


def check_labels(symbol: Symbol, names: Sequence[str], descs: Sequence[DataDesc]) -> list[DataDesc]:
    """Return the descriptions of the labels that the symbol uses.

    Raises:
        ValueError: some of these labels are missing, so the symbol would be trained on zeros.
    """
    arguments, described = symbol.list_arguments(), {desc.name for desc in descs}
    if descs and (missing := [name for name in names if name in arguments and name not in described]):
        raise ValueError(f"label_shapes must describe {', '.join(missing)}, got {', '.join(sorted(described))}")
    return [desc for desc in descs if desc.name in arguments]


def paired(what: str, descs: Sequence[Any], arrays: Sequence[Array]) -> dict[str, Array]:
    """Return arrays by the names of their descriptions.

    Raises:
        ValueError: there are more or fewer.
    """
    names = [name for name, *_ in descs]
    if len(names) != len(arrays):
        raise ValueError(f"the batch has {len(arrays)} {what} arrays, but the module was bound to {len(names)}")
    return dict(zip(names, arrays, strict=True))
