"""The runner of an updater, or of an optimizer that is called directly: it keeps what earlier calls have worked out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxcore.kernel.run.choose import Plans
from mxcore.step.counts import Tally
from mxcore.step.program import Settings
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.states import Arrays, States
from mxcore.step.step import Step

_KINDS = 4
"""Steps that are kept for the same parameters, with arrays that lie in different ways."""
_LISTS = 64
_SINGLES = 1 << 16
"""Lists, and single parameters, for which steps are kept."""


class Runner:
    """Keeps steps, so that a call that is like an earlier one has little to work out.

    Calls are told apart by their parameters. Of each kind of call, a bounded number is remembered.

    Args:
        masters: whether the states of half-precision weights begin with a master.
    """

    def __init__(self, masters: bool = True) -> None:
        self._masters = masters
        self.forget()

    def forget(self) -> None:
        """Work everything out anew for the next update."""
        self._settings: Settings | None = None
        self._rates = Rates()
        self._plans = Plans()
        self._singles: dict[Any, Step] = {}
        self._lists: dict[Any, Step] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Runner, (self._masters,)

    def settings(self, optimizer: Stepped) -> Settings:
        """The settings of the optimizer as they are now."""
        settings = self._settings
        if settings is not None and optimizer._settings_version.number == settings.seen and settings.declared:
            return settings
        if settings is None or not settings.hold(optimizer):
            settings = self._settings = Settings(optimizer)
        return settings

    def step(self, optimizer: Stepped, indices: list[Any], weights: Arrays, grads: Arrays, states: States) -> Step:
        """A new step, which is not kept.

        Raises:
            TypeError, ValueError: an array does not fit, or cannot be updated in place.
        """
        settings = self.settings(optimizer)
        return Step(optimizer, settings, indices, weights, grads, states, self._masters, self._plans, self._rates)

    def run(
        self, optimizer: Stepped, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: States
    ) -> None:
        """Update every parameter, and count; a failure leaves everything as it was.

        Raises:
            TypeError, ValueError: an array does not fit, or cannot be updated in place.
        """
        if self.run_again(optimizer, tally, indices, weights, grads, states):
            return
        step = self.step(optimizer, indices, weights, grads, states)
        self._keep(step)
        self.begin(step, optimizer, tally, weights, grads, states)

    def begin(
        self, step: Step, optimizer: Stepped, tally: Tally, weights: Arrays, grads: Arrays, states: States
    ) -> None:
        """Run a step that has just been made for these arrays."""
        if not step.run(optimizer, self.settings(optimizer), tally, weights, grads, states):
            raise RuntimeError("an array was changed by another thread while it was looked at: call again")

    def run_again(
        self, optimizer: Stepped, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: States
    ) -> bool:
        """The same, if the call is like an earlier one; False if it is not, and then nothing has been done."""
        single = len(indices) == 1
        step = self._singles.get(indices[0]) if single else self._lists.get(_key(indices))
        settings = self._settings
        if settings is None:
            return False
        if optimizer._settings_version.number != settings.seen or not settings.declared:
            settings = self.settings(optimizer)
        while step is not None:
            if (single or step.indices == indices) and step.run(optimizer, settings, tally, weights, grads, states):
                return True
            step = step.other
        return False

    def _keep(self, step: Step) -> None:
        single = len(step.indices) == 1
        table, limit = (self._singles, _SINGLES) if single else (self._lists, _LISTS)
        key = step.indices[0] if single else _key(step.indices)
        last = step
        last.other = table.pop(key, None)  # so that the table is in the order of use, roughly
        for _ in range(_KINDS - 1):
            last = last.other or last
        last.other = None
        table[key] = step
        if len(table) > limit:
            del table[next(iter(table))]


def _key(indices: Sequence[Any]) -> tuple[Any, ...]:
    return len(indices), indices[0], indices[-1]
