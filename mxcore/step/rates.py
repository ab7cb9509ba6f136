"""The values of a schedule, computed some hundred updates ahead: an array costs little more than a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mxcore.lr_scheduler import LRScheduler
from mxcore.validators import Validator

_LABEL = "the lr_scheduler"
_RATE = Validator("a learning rate of at least 0", lambda value: bool(value >= 0))  # unlike others, it may be infinite
_AHEAD = 256
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Rates:
    """Asks a schedule for the value at an update, ahead of time where the answer cannot change.

    It cannot change if the schedule defines ``rate``, a pure function of the update and the instance's attributes, and
    if these are immutable or such schedules, so that it is enough to compare them. Any other schedule is asked every
    time.

    Args:
        label: what to call the schedule in messages.
        validator: the condition on its values.
    """

    def __init__(self, label: str = _LABEL, validator: Validator = _RATE) -> None:
        self._label, self._validator = label, validator
        self._scheduler: Any = None
        self._seen: tuple[_Seen, ...] = ()
        self._first, self._rates = 0, list[float]()

    def ask(self, scheduler: Any, update: int) -> float:
        """Return the value at an update."""
        place = update - self._first
        if scheduler is self._scheduler and 0 <= place < len(self._rates):
            for seen in self._seen:
                if not seen.is_valid():
                    break
            else:
                return self._rates[place]
        if not _is_pure(scheduler):
            return asked(scheduler, update, self._label, self._validator)
        self._rates = []  # invalid until they match what is stored next
        self._scheduler, self._seen, self._first = scheduler, tuple(map(_Seen, _every(scheduler))), update
        ahead = scheduler(np.arange(update, update + _AHEAD))
        values = ahead.tolist()
        wrong = (place for place, value in enumerate(values) if not _fits(value, self._validator))
        self._rates = values[: next(wrong, None)]
        return self._rates[0] if self._rates else asked(scheduler, update, self._label, self._validator)


class _Seen:
    """What the values of a schedule depended on, apart from the schedules in it."""

    __slots__ = ("_attributes", "_holding", "_rate", "_schedule")

    def __init__(self, schedule: LRScheduler) -> None:
        self._schedule, self._attributes = schedule, dict(vars(schedule))
        self._rate = type(schedule).rate
        self._holding = [name for name, value in self._attributes.items() if not _is_plain(value)]

    def is_valid(self) -> bool:
        """Return whether it is still the same."""
        now, then = vars(self._schedule), self._attributes
        if now != then or type(self._schedule).rate is not self._rate:
            return False
        # An equal schedule in the place of another one could then change unnoticed.
        return not self._holding or all(now[name] is then[name] for name in self._holding)


def _every(schedule: LRScheduler) -> Iterator[LRScheduler]:
    """Yield a schedule and all those in it."""
    yield schedule
    for inner in schedule.parts().values():
        yield from _every(inner)


def asked(scheduler: Any, update: int, label: str = _LABEL, validator: Validator = _RATE) -> float:
    """Return what a schedule gives for an update.

    Raises:
        ValueError: it does not meet the condition.
    """
    value = float(scheduler(update))
    if not _fits(value, validator):
        raise ValueError(f"{label} returned {value} for update {update}: it must be {validator.requirement}")
    return value


def _fits(value: float, validator: Validator) -> bool:
    """Return whether a value meets a condition, which may be one on integers."""
    return validator.accepts(value) or (value.is_integer() and validator.accepts(int(value)))


def _is_pure(scheduler: Any) -> bool:
    """Return whether its values depend only on the update and on immutable attributes of the instance."""
    if not isinstance(scheduler, LRScheduler):
        return False
    cls, base = type(scheduler), LRScheduler
    if cls.__call__ is not base.__call__ or cls.__getattribute__ is not object.__getattribute__:
        return False
    shared = (item for parent in cls.__mro__[: cls.__mro__.index(base)] for item in vars(parent).items())
    of_class = any(not name.startswith("__") and not hasattr(base, name) and _is_data(x) for name, x in shared)
    return not of_class and all(map(_is_immutable, vars(scheduler).values()))


def _is_data(value: object) -> bool:
    """Return whether a class attribute is neither a method nor a property."""
    return not callable(value) and not hasattr(type(value), "__get__")


def _is_immutable(value: object) -> bool:
    if type(value) is tuple:
        return all(map(_is_immutable, value))
    return type(value) in _PLAIN or (isinstance(value, LRScheduler) and _is_pure(value))


def _is_plain(value: object) -> bool:
    return all(map(_is_plain, value)) if type(value) is tuple else type(value) in _PLAIN
