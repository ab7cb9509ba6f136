"""Properties that installed algorithms state in a file of their package, to choose by them without an import.

The file ``properties.json`` has the properties of each class by its name; ``mxcore check`` verifies them, and says what
to write.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from mxcore.catalogue.record import Record

__all__ = ["FILE", "PROPERTIES", "Condition", "conditions", "properties"]

FILE = "properties.json"

PROPERTIES: Mapping[str, tuple[type, str]] = {
    "family": (str, "the group of similar algorithms, such as adaptive or sign"),
    "year": (int, "the year of the paper"),
    "state_bytes": (float, "bytes of state per float32 weight, beyond those of a wrapped optimizer (optimizers)"),
    "needs_all": (bool, "looks at all parameters of a model together (optimizers)"),
    "needs_more": (bool, "needs more than gradients, such as a metric, a loss or an estimate of the Hessian"),
    "evaluation": (bool, "has other weights to evaluate with (optimizers)"),
    "complex": (bool, "takes complex weights (optimizers and initializers)"),
}
"""The properties, each with its type and what it says."""

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "==": operator.eq,
    "=": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_CONDITION = re.compile(r"(?P<not>not\s+)?(?P<name>\w+)\s*((?P<operator>[<>!=]=|[<>=])\s*(?P<value>.*\S))?")


def properties(record: Record) -> Mapping[str, Any]:
    """Return the properties that the class of a record states, by name; none if its package has no file of them.

    >>> import mxcore as mx
    >>> from mxcore.catalogue.properties import properties
    >>> properties(mx.catalogue.find("optimizer", "adam"))["state_bytes"]
    8
    """
    from importlib.util import find_spec  # here, to keep `import mxcore` fast

    top = record.target.partition(":")[0].partition(".")[0]
    try:
        spec: Any = find_spec(top)  # which imports nothing, for a top-level package
        (folder, *_) = spec.submodule_search_locations
        stated = json.loads(spec.loader.get_data(str(Path(folder) / FILE)))[record.class_name]
        return {name: value for name, value in stated.items() if name in PROPERTIES}
    except Exception:  # a package without the file, or with a damaged one, must not break the list
        return {}


@attrs.frozen
class Condition:
    """A condition on one property.

    >>> from mxcore.catalogue.properties import Condition
    >>> light = Condition.parse("state_bytes <= 4")
    >>> light.holds({"state_bytes": 8}), light.holds({"state_bytes": 4}), light.holds({})
    (False, True, False)
    >>> Condition.parse("not complex").holds({"complex": False})
    True
    >>> Condition.parse("colour=red")
    Traceback (most recent call last):
        ...
    ValueError: there is no property 'colour': there are family, year, state_bytes, needs_all, needs_more, ...
    """

    name: str
    operator: str
    value: Any

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return a condition from ``name``, ``not name`` or ``name <= value``, with any operator of comparison.

        Raises:
            ValueError: the text is none of these, or does not suit the property.
        """
        found = _CONDITION.fullmatch(text.strip())
        if not found:
            raise ValueError(f"expected 'evaluation', 'not complex' or 'state_bytes<=8', got {text!r}")
        name, sign, value = found["name"], found["operator"], found["value"]
        if name not in PROPERTIES:
            raise ValueError(f"there is no property {name!r}: there are {', '.join(PROPERTIES)}")
        kind = PROPERTIES[name][0]
        if kind is bool:
            if sign:
                raise ValueError(f"{name} is true or false: write {name!r} or {f'not {name}'!r}, not {text!r}")
            return cls(name, "=", not found["not"])
        if found["not"] or not sign or (kind is str and sign not in ("=", "==", "!=")):
            signs = "= or !=" if kind is str else ", ".join(_OPERATORS)
            raise ValueError(f"{name} must be compared with a value, by {signs}, got {text!r}")
        try:
            return cls(name, sign, kind(value))
        except ValueError as error:
            raise ValueError(f"{name} must be compared with a number, got {text!r}") from error

    def holds(self, stated: Mapping[str, Any]) -> bool:
        """Return whether it holds; it does not where the property is not stated."""
        return self.name in stated and bool(_OPERATORS[self.operator](stated[self.name], self.value))


def conditions(text: str) -> list[Condition]:
    """Return the conditions in a text, joined by ``and``.

    >>> from mxcore.catalogue.properties import conditions
    >>> [one.name for one in conditions("state_bytes<=4 and not needs_all")]
    ['state_bytes', 'needs_all']

    Raises:
        ValueError: see :meth:`Condition.parse`.
    """
    return [Condition.parse(part) for part in re.split(r"\s+and\s+", text)]
