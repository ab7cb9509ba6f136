"""What the parameters of a group share in an update: the learning rate, the weight decay, and other numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from mxcore.step.protocol import Group, Stepped
from mxcore.step.rates import Rates
from mxcore.validators import is_schedule, non_negative

SMALLEST = 2.0**-126
"""The smallest normal number of float32, below which nothing keeps a denominator from being 0."""


@attrs.frozen
class Followed:
    """A schedule in place of a number.

    Args:
        schedule: the schedule.
        rates: asks it.
        stabilizes: whether the number keeps a denominator from being 0.
    """

    schedule: Any
    rates: Rates
    stabilizes: bool = False

    def at(self, update: int) -> float:
        """Return the number at an update."""
        value = self.rates.ask(self.schedule, update)
        return max(value, SMALLEST) if self.stabilizes else value


class Source:
    """Gives the numbers of one group.

    Args:
        group: its settings.
        wd: the weight decay of its parameters, before multipliers.
        more: further numbers, each a number or :class:`Followed`.
    """

    __slots__ = ("_followed", "_follows", "_group", "_more", "_rates", "_wd", "given", "shares_rate")

    def __init__(self, group: Group, wd: Any, more: Sequence[Any]) -> None:
        self._group = group
        self._wd = Followed(wd, Rates("the schedule of wd", non_negative)) if is_schedule(wd) else wd
        self._follows = self._wd is not wd
        self.given = tuple(more)
        """The further numbers, each a number or :class:`Followed`."""
        self._more = list(more)
        self._followed = [(place, one) for place, one in enumerate(more) if isinstance(one, Followed)]
        self.shares_rate = group.settings.keys().isdisjoint({"lr", "lr_scheduler"})
        """Whether the learning rate is the optimizer's."""
        self._rates = Rates()

    def rate(self, optimizer: Stepped, update: int, shared: Rates) -> float:
        """Return the learning rate of an update, before multipliers; ``shared`` asks the optimizer's schedule."""
        return self._group.rate(optimizer, update, (shared if self.shares_rate else self._rates).ask)

    def decay(self, update: int) -> Any:
        """Return the weight decay of an update, before multipliers."""
        return self._wd.at(update) if self._follows else self._wd

    def more(self, update: int) -> list[Any]:
        """Return the further numbers of an update."""
        for place, followed in self._followed:
            self._more[place] = followed.at(update)
        return self._more
