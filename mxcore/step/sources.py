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

    __slots__ = ("_decay", "_followed", "_group", "_more", "_own_rates", "_wd")

    def __init__(self, group: Group, wd: Any, more: Sequence[Any]) -> None:
        self._group, self._wd = group, wd
        self._decay = Followed(wd, Rates("the schedule of wd", non_negative)) if is_schedule(wd) else None
        self._more = list(more)
        self._followed = [(place, one) for place, one in enumerate(more) if isinstance(one, Followed)]
        self._own_rates = None if group.settings.keys().isdisjoint({"lr", "lr_scheduler"}) else Rates()

    def rates(self, optimizer: Stepped, update: int, shared: Rates) -> tuple[float, float]:
        """Return the learning rate and the weight decay of an update, before multipliers."""
        rates = shared if self._own_rates is None else self._own_rates
        rate = self._group.rate(optimizer, update, rates.ask)
        return rate, self._wd if self._decay is None else self._decay.at(update)

    def more(self, update: int) -> list[Any]:
        """Return the further numbers of an update."""
        for place, followed in self._followed:
            self._more[place] = followed.at(update)
        return self._more
