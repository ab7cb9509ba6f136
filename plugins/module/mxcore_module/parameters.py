"""The values of parameters, given or from an initializer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs

from mxcore import initializer as initializers
from mxcore.backend import Array, backend_of
from mxcore.initializer import InitDesc
from mxcore_module.executor import fill
from mxcore_module.graph import Symbol

__all__ = ["NewValues", "Params", "others", "requested"]

Params = Mapping[str, Array]


@attrs.frozen
class NewValues:
    """How to compute new values. They are written to new arrays, so that a failure leaves the old ones unchanged.

    Attributes:
        initializer: an initializer, its name or string, a function of a name and an array, or None.
        attributes: the attributes of the variables, by name.
        allow_missing: whether given values may be incomplete.
    """

    initializer: Any
    attributes: Mapping[str, dict[str, str]]
    allow_missing: bool

    def of(self, what: str, arrays: Params, given: Params | None) -> dict[str, Array]:
        """Return new values for ``arrays``, by name.

        Args:
            what: what messages call ``given``.
            arrays: the current arrays, which are not modified.
            given: values by name, of which others are ignored; None to use the initializer for all.

        Raises:
            RuntimeError: values are missing.
            ValueError: a shape is wrong.
        """
        known = given or {}
        missing = sorted(name for name in arrays if name not in known)
        if given is not None and missing and not self.allow_missing:
            raise RuntimeError(f"{what} has no {', '.join(missing)}: add it, or pass allow_missing=True")
        converted = {name: _converted(name, arrays[name], known[name]) for name in arrays if name in known}
        return {**converted, **self._initialized({name: arrays[name] for name in missing})}

    def _initialized(self, arrays: Params) -> dict[str, Array]:
        if self.initializer is None or not arrays:
            return {}
        is_function = callable(self.initializer) and not isinstance(self.initializer, type)
        initialize = self.initializer if is_function else initializers.create(self.initializer)
        made = {name: backend_of(array).full_like(array, 0) for name, array in arrays.items()}
        for name, array in made.items():
            initialize(InitDesc(name, self.attributes.get(name)), array)
        return made


def others(symbol: Symbol, *given: Params | None) -> str:
    """Return the names of values that a network does not have, for messages."""
    known = {*symbol.list_arguments(), *symbol.list_auxiliary_states()}
    return ", ".join(sorted({name for values in given for name in values or ()} - known))


def requested(
    arguments: Sequence[str], trained: Collection[str], grad_req: str | Sequence[str] | Mapping[str, str]
) -> dict[str, str]:
    """Return what happens to the gradient of each argument.

    >>> requested(["data", "weight"], ["weight"], "add")
    {'data': 'null', 'weight': 'add'}

    Args:
        arguments: the arguments of a network.
        trained: those that have gradients, unless ``grad_req`` names others.
        grad_req: ``"write"``, ``"add"`` or ``"null"``: for all, in the order of arguments, or by name.

    Raises:
        ValueError: there are more or fewer entries than arguments.
    """
    if isinstance(grad_req, (str, Mapping)):
        default = grad_req if isinstance(grad_req, str) else "write"
        given = {name: default if name in trained else "null" for name in arguments}
        return given if isinstance(grad_req, str) else {**given, **grad_req}
    if len(grad_req) != len(arguments):
        raise ValueError(f"grad_req has {len(grad_req)} entries for the {len(arguments)} arguments of the symbol")
    return dict(zip(arguments, grad_req, strict=True))


def _converted(name: str, like: Array, values: Any) -> Array:
    converted = backend_of(like).full_like(like, 0)
    fill(backend_of(like), name, converted, values)
    return converted
