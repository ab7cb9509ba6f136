"""The values of parameters, given or from an initializer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from mxcore import initializer as initializers
from mxcore.backend import Array, backend_of
from mxcore.initializer import InitDesc
from mxcore_module.executor import fill

__all__ = ["NewValues", "Params"]

Params = Mapping[str, Array]


@attrs.frozen
class NewValues:
    """How to compute new values. They are written to new arrays, so that a failure leaves the old ones unchanged.

    Attributes:
        initializer: an initializer, its name or string, a function of a name and an array, or None.
        attributes: the attributes of the variables, by name.
        allow_missing: whether given values may be incomplete.
        allow_extra: whether given values may include unknown names.
    """

    initializer: Any
    attributes: Mapping[str, dict[str, str]]
    allow_missing: bool
    allow_extra: bool

    def of(self, what: str, arrays: Params, given: Params | None) -> dict[str, Array]:
        """Return new values for ``arrays``, by name.

        Args:
            what: what messages call ``given``.
            arrays: the current arrays, which are not modified.
            given: values by name; None to use the initializer for all.

        Raises:
            RuntimeError: values are missing.
            ValueError: there are extra values, or a shape is wrong.
        """
        known = given or {}
        missing = sorted(name for name in arrays if name not in known)
        if given is not None and missing and not self.allow_missing:
            raise RuntimeError(f"{what} has no {', '.join(missing)}: add it, or pass allow_missing=True")
        if not self.allow_extra and (extra := sorted(set(known) - set(arrays))):
            raise ValueError(f"{what} has {', '.join(extra)}, which the network does not have: pass allow_extra=True")
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


def _converted(name: str, like: Array, values: Any) -> Array:
    converted = backend_of(like).full_like(like, 0)
    fill(backend_of(like), name, converted, values)
    return converted
