"""Conditions on hyper-parameters, such as :func:`~mxcore.validators.in_range`.

>>> positive.requirement, positive.accepts(0.5), positive.accepts(-1)
('a number above 0', True, False)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import attrs

__all__ = [
    "Validator", "boolean", "in_range", "increasing", "integer", "non_negative", "number", "one_of", "optional",
    "positive", "stabilizing", "string", "text",
]  # fmt: skip


@attrs.frozen(slots=False)
class Validator:
    """A condition on one hyper-parameter; ``requirement`` completes the sentence "beta1 must be …".

    Passing or assigning a value that does not meet it raises a ValueError.

    >>> import mxcore as mx
    >>> even = mx.Validator("an even number", lambda value: isinstance(value, int) and value % 2 == 0)
    >>> @mx.hyperparameters
    ... class Pairs(mx.optimizer.Optimizer):
    ...     width: int = mx.hyperparameter(2, even)
    >>> Pairs(width=3)
    Traceback (most recent call last):
        ...
    ValueError: width must be an even number, got 3
    """

    requirement: str
    accepts: Callable[[Any], bool] = attrs.field(repr=False, eq=False)

    def __call__(self, instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        """Raise a ValueError unless the value is accepted, or is a schedule where one may be; attrs calls this."""
        if not self.accepts(value) and not (is_schedule(value) and instance._may_follow(attribute)):
            raise ValueError(f"{attribute.alias} must be {self.requirement}, got {value!r}")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    # Reject integers beyond the range of floats: rules compute with floats.
    return (_is_integer(value) and abs(value) < 2**1023) or (isinstance(value, float) and math.isfinite(value))


number = Validator("a finite number", _is_number)
"""An integer or a float that is neither infinite nor NaN."""
positive = Validator("a number above 0", lambda value: _is_number(value) and value > 0)
"""A finite number above 0."""
non_negative = Validator("a number of at least 0", lambda value: _is_number(value) and value >= 0)
"""A finite number that is 0 or above."""
stabilizing = Validator(non_negative.requirement, non_negative.accepts)
"""A finite number of at least 0, such as epsilon, that keeps a denominator from being 0.

Rules receive at least 2⁻¹²⁶, float32's smallest normal number, so that a zero gradient does not give 0 / 0."""
boolean = Validator("True or False", lambda value: isinstance(value, bool))
"""A boolean, but not 0 or 1."""
string = Validator("a string", lambda value: isinstance(value, str))
"""Any string."""
text = string
"""An older name of :data:`string`."""


def _is_increasing(values: Any) -> bool:
    if not isinstance(values, tuple) or not values:
        return False
    return all(map(integer(at_least=1).accepts, values)) and all(a < b for a, b in pairwise(values))


increasing = Validator("a list of increasing integers of at least 1", _is_increasing)
"""A tuple of at least one positive integer, each larger than the one before."""


def in_range(low: float, high: float, *, left_open: bool = False, right_open: bool = False) -> Validator:
    """Require a number between ``low`` and ``high``, including both ends unless they are open.

    >>> in_range(0, 1, right_open=True).requirement
    'in [0, 1)'
    """

    def accepts(value: Any) -> bool:
        if not _is_number(value):
            return False
        return bool((low < value if left_open else low <= value) and (value < high if right_open else value <= high))

    interval = f"{'(' if left_open else '['}{low:g}, {high:g}{')' if right_open else ']'}"
    return Validator(f"in {interval}", accepts)


def integer(at_least: int) -> Validator:
    """Require an integer of at least ``at_least``.

    >>> integer(at_least=1).accepts(2), integer(at_least=1).accepts(2.0)
    (True, False)
    """
    return Validator(
        f"an integer of at least {at_least}", lambda value: _is_integer(value) and at_least <= value < 2**63
    )


def one_of(*choices: str) -> Validator:
    """Require one of the given strings.

    >>> one_of("linear", "constant").requirement
    "one of 'linear', 'constant'"
    """
    requirement = f"one of {', '.join(map(repr, choices))}"
    return Validator(requirement, lambda value: isinstance(value, str) and value in choices)


def optional(validator: Validator) -> Validator:
    """Accept None, or whatever ``validator`` accepts.

    >>> optional(positive).requirement, optional(positive).accepts(None)
    ('None or a number above 0', True)
    """
    return Validator(f"None or {validator.requirement}", lambda value: value is None or validator.accepts(value))


def is_schedule(value: object) -> bool:
    """Return whether a value is a schedule: an LRScheduler, or another function of the update count."""
    return hasattr(value, "base_lr") or (callable(value) and not isinstance(value, type))


def accepts_numbers(validator: Validator) -> bool:
    """Return whether a condition is one on numbers."""

    def accepts(probe: float) -> bool:
        try:
            return bool(validator.accepts(probe))
        except Exception:  # a user's condition may expect another type
            return False

    return any(map(accepts, (0, 0.5, 1, 2, 10, 1000, -1)))
