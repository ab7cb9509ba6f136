"""The properties of a class as it is, for ``properties.json`` and to verify what that says."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.evaluation import has_evaluation
from mxcore.initializer import InitDesc
from mxcore.step import levels
from mxcore.testing.subject import PROTOCOLS, Subject, kind_of

__all__ = ["as_json", "properties_of"]

_SIZE = 128  # rows and columns of the matrix whose state is measured


def properties_of(cls: type[Any]) -> dict[str, Any]:
    """Return the properties of a class by name, with the arguments of its first example.

    >>> import mxcore as mx
    >>> from mxcore.testing.properties import properties_of
    >>> properties_of(mx.lr_scheduler.CosineScheduler)
    {'family': 'decay', 'year': 2017, 'needs_more': False}
    """
    kind, subject = kind_of(cls), Subject(cls, next(iter(cls.examples), {}))
    found: dict[str, Any] = {"family": cls.family, "year": _year(inspect.getdoc(cls) or "")}
    found["needs_more"] = hasattr(cls, "set_hessian") or (kind != "initializer" and _observes(cls, PROTOCOLS[kind]))
    if kind == "optimizer":
        found["state_bytes"] = _state_bytes(subject)
        found["needs_all"] = subject.looks_at_all
        found["evaluation"] = has_evaluation(subject.make())
    if kind != "lr_scheduler":
        found["complex"] = (_updates_complex if kind == "optimizer" else _fills_complex)(subject)
    return {name: value for name, value in found.items() if value is not None}


def _observes(cls: type[Any], base: type[Any]) -> bool:
    """Return whether a schedule is to be told a metric, or an optimizer a loss."""
    return bool(cls.observe is not base.observe)


def as_json(classes: Mapping[str, type[Any]]) -> str:
    """Return the content of ``properties.json`` for the classes of a package, by name."""
    stated = {name: properties_of(cls) for name, cls in classes.items()}
    return json.dumps(stated, indent=1, sort_keys=True) + "\n"


def _year(doc: str) -> int | None:
    """Return the year of the first reference, as a docstring cites it."""
    _, found, rest = doc.partition("References:")
    text = re.sub(r"https?://\S+", "", rest.partition("\n\n")[0])
    years = re.findall(r"\b(?:18|19|20)\d\d\b", text)
    return int(years[0]) if found and years else None


def _state_bytes(subject: Subject) -> float:
    """Return the size of an optimizer's state, without that of one that it wraps."""
    weight = np.ones((_SIZE, _SIZE), np.float32)
    own, *wrapped = (one.create_state(0, weight) for one in levels(subject.make())[:2])
    total = sum(array.nbytes for array in _arrays(own)) - sum(array.nbytes for array in _arrays(wrapped))
    per_weight = round(total / weight.size, 2)
    return int(per_weight) if per_weight.is_integer() else per_weight


def _arrays(state: Any) -> list[Any]:
    if isinstance(state, dict):
        state = tuple(state.values())
    if isinstance(state, (tuple, list)):
        return [array for part in state for array in _arrays(part)]
    return [state] if isinstance(state, np.ndarray) else []


def _updates_complex(subject: Subject) -> bool:
    weight = np.ones((4, 3), np.complex64)
    try:
        mx.optimizer.get_updater(subject.make())("fc_weight", weight * (0.5 + 0.25j), weight)
    except (TypeError, ValueError):
        return False
    return True


def _fills_complex(subject: Subject) -> bool:
    for shape in ((4, 3), (4, 2, 3, 3), (12,), (6,)):
        try:
            subject.make()(InitDesc("fc_weight"), np.empty(shape, np.complex64))
        except (TypeError, ValueError):
            continue
        return True
    return False
