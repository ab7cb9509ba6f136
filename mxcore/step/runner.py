"""The runner of an updater, or of an optimizer that is called directly: it keeps what earlier calls have worked out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mxcore.backend import Array
from mxcore.step.counts import Tally
from mxcore.step.plans import Plans
from mxcore.step.program import Settings
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.states import States
from mxcore.step.step import Step
from mxcore.watched import Version

__all__ = ["Bound", "Runner"]

_KINDS = 4
"""Steps that are kept for the same parameters, with arrays that lie in different ways."""
_LISTS = 64
_SINGLES = 1 << 16
"""Lists, and single parameters, for which steps are kept."""


class Runner:
    """Keeps steps, so that a call that is like an earlier one has little to work out.

    Calls are told apart by their parameters. Of each kind of call, a bounded number is remembered.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Work everything out anew for the next update."""
        self._settings: Settings | None = None
        self.rates = Rates()
        self._plans = Plans()
        self._singles: dict[Any, Step] = {}
        self._lists: dict[Any, Step] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Runner, ()

    def settings(self, optimizer: Stepped) -> Settings:
        """The settings of the optimizer as they are now."""
        settings = self._settings
        if settings is None or not settings.hold(optimizer):
            settings = self._settings = Settings(optimizer)
        return settings

    def run(
        self,
        optimizer: Stepped,
        tally: Tally,
        indices: list[Any],
        weights: list[Array],
        grads: list[Array],
        states: States,
        masters: bool = True,
    ) -> None:
        """Update every parameter, and count; a failure leaves everything as it was.

        Raises:
            TypeError, ValueError: an array does not fit, or cannot be updated in place.
        """
        settings = self.settings(optimizer)
        step = Step(optimizer, settings, indices, weights, grads, states, masters, self._plans)
        self._keep(step)
        if not step.run(optimizer, settings, tally, self.rates, weights, grads, states):
            raise RuntimeError("an array was changed by another thread while it was looked at: call again")

    def run_again(
        self,
        optimizer: Stepped,
        tally: Tally,
        indices: list[Any],
        weights: list[Array],
        grads: list[Array],
        states: States,
        masters: bool = True,
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
            mine = step.masters is masters and (single or step.indices == indices)
            if mine and step.run(optimizer, settings, tally, self.rates, weights, grads, states):
                return True
            step = step.other
        return False

    def bind(
        self, optimizer: Stepped, indices: list[Any], weights: list[Array], grads: list[Array], states: Sequence[Any]
    ) -> Bound:
        """A step for a loop whose arrays stay in place."""
        step = Step(optimizer, self.settings(optimizer), indices, weights, grads, states, True, self._plans)
        return Bound(self, step, weights, grads, states)

    def steps(self) -> list[Step]:
        """The steps that are kept, those of the last call for each set of parameters."""
        return [*self._singles.values(), *self._lists.values()]

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


class Bound:
    """A step together with its arrays, which it looks at once."""

    def __init__(
        self, runner: Runner, step: Step, weights: list[Array], grads: list[Array], states: Sequence[Any]
    ) -> None:
        self._runner, self._step = runner, step
        self._arrays = weights, grads, _Held(states)
        self._looked = False

    def run(self, optimizer: Stepped, tally: Tally) -> bool:
        """Update every parameter, and count; False where settings ask for another step, and nothing has been done."""
        runner, step = self._runner, self._step
        settings = runner.settings(optimizer)
        if self._looked and step.run_in_place(optimizer, settings, tally, runner.rates):
            return True
        self._looked = step.run(optimizer, settings, tally, runner.rates, *self._arrays)
        return self._looked


class _Held(list[Any]):
    """States that stay the same."""

    def __init__(self, states: Iterable[Any]) -> None:
        super().__init__(states)
        self.version = Version()


def _key(indices: Sequence[Any]) -> tuple[Any, ...]:
    return len(indices), indices[0], indices[-1]
