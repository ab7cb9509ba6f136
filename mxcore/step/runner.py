"""The runner of an updater, or of an optimizer that is called directly: it reuses the work of earlier calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxcore.kernel.run.choose import Plans
from mxcore.step.arguments import fitted
from mxcore.step.counts import Tally
from mxcore.step.program import Settings
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.ready import Ready
from mxcore.step.states import Arrays, States
from mxcore.step.step import Step

_KINDS = 4
"""The maximum number of cached steps for the same parameters with different array layouts."""
_LISTS = 64
_SINGLES = 1 << 16
"""The maximum number of lists, and of single parameters, for which steps are cached."""


class Runner:
    """Caches steps, so that a call like an earlier one has little to do.

    The key is the call's parameters. The number of cached steps is bounded.

    Args:
        masters: whether the states of half-precision weights start with a master.
    """

    def __init__(self, masters: bool = True) -> None:
        self._masters = masters
        self.forget()

    def forget(self) -> None:
        """Discard all cached work before the next update."""
        self._settings: Settings | None = None
        self._rates = Rates()
        self._plans = Plans()
        self._singles: dict[Any, Step] = {}
        self._lists: dict[Any, Step] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Runner, (self._masters,)

    def settings(self, optimizer: Stepped) -> Settings:
        """Return the current settings of the optimizer."""
        settings = self._settings
        if settings is not None and optimizer._settings_version.number == settings.seen and settings.declared:
            return settings
        if settings is None or not settings.hold(optimizer):
            settings = self._settings = Settings(optimizer)
        return settings

    def step(self, optimizer: Stepped, indices: list[Any], weights: Arrays, grads: Arrays, states: States) -> Step:
        """Create a step without caching it.

        Raises:
            TypeError, ValueError: an array does not fit, or cannot be updated in place.
        """
        settings = self.settings(optimizer)
        return Step(optimizer, settings, indices, weights, grads, states, self._masters, self._plans, self._rates)

    def run(
        self, optimizer: Stepped, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: States
    ) -> None:
        """Update every parameter, and count; a failure leaves everything unchanged.

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
        """Run a step that has just been created for these arrays."""
        if not step.run(optimizer, self.settings(optimizer), tally, weights, grads, states):
            raise RuntimeError("another thread changed an array while it was being checked: call again")

    def run_again(
        self, optimizer: Stepped, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: States
    ) -> bool:
        """Do the same if the call is like an earlier one; otherwise do nothing and return False."""
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

    def ready(
        self, optimizer: Stepped, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: States
    ) -> Ready:
        """Do everything of an update that can fail, for :func:`mxcore.step.ready.finish`.

        Raises:
            TypeError, ValueError: an array does not fit, or cannot be updated in place.
        """
        found = self.ready_again(optimizer, tally, indices, weights, grads, states)
        if found is not None:
            return found
        grads = list(map(fitted, weights, grads))
        step = self.step(optimizer, indices, weights, grads, states)
        self._keep(step)
        found = step.ready(optimizer, self.settings(optimizer), tally, weights, grads, states)
        if found is None:
            raise RuntimeError("another thread changed an array while it was being checked: call again")
        return found

    def ready_again(
        self, optimizer: Stepped, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: States
    ) -> Ready | None:
        """Do the same if the call is like an earlier one; otherwise return None."""
        settings, single = self.settings(optimizer), len(indices) == 1
        known = self._singles.get(indices[0]) if single else self._lists.get(_key(indices))
        while known is not None:
            same = single or known.indices == indices
            if same and (found := known.ready(optimizer, settings, tally, weights, grads, states)) is not None:
                return found
            known = known.other
        return None

    def _keep(self, step: Step) -> None:
        single = len(step.indices) == 1
        table, limit = (self._singles, _SINGLES) if single else (self._lists, _LISTS)
        key = step.indices[0] if single else _key(step.indices)
        last = step
        last.other = table.pop(key, None)  # keeps the table roughly in the order of use
        for _ in range(_KINDS - 1):
            last = last.other or last
        last.other = None
        table[key] = step
        if len(table) > limit:
            del table[next(iter(table))]


def _key(indices: Sequence[Any]) -> tuple[Any, ...]:
    return len(indices), indices[0], indices[-1]
