"""The settings of an optimizer or scheduler: the attributes that a file holds, and those that a file may set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from mxcore.catalogue.registry import registry_for
from mxcore.loss_scale import DynamicLossScale
from mxcore.state.place import Place
from mxcore.validators import is_schedule

# Attributes of an optimizer that are not settings: saved separately, or supplied by the program.
_ELSEWHERE = {"idx2name", "sym_info", "param_dict", "lr_scheduler", "lr_mult", "wd_mult", "groups"}


def settings_of(instance: object) -> dict[str, Any]:
    """Return the attributes that are numbers, strings, None or lists of these: hyper-parameters and positions."""
    if type(instance).__module__ == "builtins":  # a function's attributes belong to the program
        return {}
    values = getattr(instance, "__dict__", {})
    return {name: plain(value) for name, value in values.items() if _is_setting(instance, name) and _is_plain(value)}


def numbers_of(instance: object) -> dict[str, Any]:
    """Return the hyper-parameters of an optimizer that are numbers, or what takes the place of numbers."""
    names = [name for name, field in _fields(instance).items() if field.metadata.get("numeric")]
    return {name: vars(instance)[name] for name in names if name in vars(instance)}


def parts_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some settings that are not numbers, but have attributes: schedules and loss scales."""
    return {name: value for name, value in values.items() if is_schedule(value) or isinstance(value, DynamicLossScale)}


def plain(value: Any) -> Any:
    """Convert a value from NumPy's types, which JSON lacks."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value)) if type(value) in (tuple, list) else [*map(plain, value)]
    return value.item() if isinstance(value, np.generic) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return isinstance(value, (bool, int, float, str, type(None), np.bool_, np.integer, np.floating))


def _fields(instance: object) -> dict[str, attrs.Attribute[Any]]:
    cls: Any = type(instance)
    return {field.name: field for field in attrs.fields(cls)} if attrs.has(cls) else {}


def _is_setting(instance: object, name: str) -> bool:
    """Return whether an attribute is a declared hyper-parameter, or a public instance attribute shadowing nothing."""
    if name in _ELSEWHERE or name not in vars(instance):
        return False
    if name in _fields(instance):
        return True
    bases = [registry_for(kind).base for kind in ("optimizer", "lr_scheduler")]
    hides = any(isinstance(instance, base) and hasattr(base, name) for base in bases)
    return not (name.startswith("_") or hides or callable(getattr(type(instance), name, None)))


def assign(instance: object, settings: Place, problems: list[str]) -> None:
    """Set what a file holds, if a file may set it; rejected values are added to ``problems``.

    A condition on two hyper-parameters may be violated between two assignments, so a rejected value is tried again
    after the others.
    """
    pending = {}
    for name, place in settings.items():
        if (why := _obstacle(instance, name, place.value)) is None:
            pending[name] = place.value
        else:
            problems.append(f"{type(instance).__name__} cannot take {name!r:.60} from a file: {why}")
    errors: dict[str, Exception] = {}
    while pending:
        errors = {}
        for name, value in pending.items():
            try:
                setattr(instance, name, _like(vars(instance)[name], value))
            except Exception as error:  # a user's check may raise anything
                errors[name] = error
        if len(errors) == len(pending):
            break
        pending = {name: pending[name] for name in errors}
    of = type(instance).__name__
    problems += [f"{of} rejects the saved {name!r}: {error}" for name, error in errors.items()]


def _obstacle(instance: object, name: str, value: Any) -> str | None:
    """Return why a file may not set an attribute, or None if it may."""
    if not _is_setting(instance, name):
        return "it is neither a hyper-parameter nor a similar attribute"
    kept, field = vars(instance)[name], _fields(instance).get(name)
    if not (_is_plain(kept) and _is_plain(value)):
        return "it is not made of numbers and strings"
    # A custom converter may turn a value into anything, such as the class of that name.
    converted = field is not None and is_converted(field)
    if field is not None and field.validator and not converted:
        return None  # its own check decides
    is_none = kept is None or value is None
    if _is_bounded(value) and (_kind(kept) is _kind(value) or (is_none and not converted)):
        return None
    return f"it is {kept!r:.60} here, but {value!r:.60} in the file"


def is_converted(field: attrs.Attribute[Any]) -> bool:
    """Return whether a field has a custom converter instead of the common one of hyper-parameters."""
    return bool(field.metadata.get("converted", field.converter))


def has_text(value: Any) -> bool:
    """Return whether a plain value is or contains a string."""
    return any(map(has_text, value)) if isinstance(value, (list, tuple)) else isinstance(value, str)


def _is_bounded(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_bounded, value))
    return not isinstance(value, int) or abs(value) < 2**1023


def _kind(value: Any) -> type:
    """Return what a value must have in common with its replacements."""
    kinds = ((bool, np.bool_), (int, float, np.number), (str,), (tuple, list))
    return next((kind[0] for kind in kinds if isinstance(value, kind)), type(None))


def _like(kept: Any, value: Any) -> Any:
    """Convert a value from a file to the type of the one that it replaces."""
    if isinstance(kept, np.generic):
        return type(kept)(value)
    return _in_tuples(value) if isinstance(kept, tuple) else value


def _in_tuples(value: Any) -> Any:
    return tuple(map(_in_tuples, value)) if isinstance(value, list) else value
