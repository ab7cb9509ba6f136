"""Summaries of the runs of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from mxcore_module.compare.trials import Outcome

__all__ = ["AtRate", "Contestant", "summarise"]

Floats = npt.NDArray[np.float64]


@attrs.frozen
class AtRate:
    """The runs of an optimizer at one learning rate."""

    rate: float
    outcomes: tuple[Outcome, ...]

    @property
    def diverged(self) -> int:
        """How many of the runs diverged."""
        return sum(outcome.diverged for outcome in self.outcomes)

    def final(self, which: str) -> Floats:
        """Return the last ``"score"`` or ``"loss"`` of each run that did not diverge."""
        return np.array([getattr(one.last, which) for one in self.outcomes if one.last], np.float64)

    def curves(self, which: str) -> Floats:
        """Return the same after every epoch, with shape ``(runs, epochs)``."""
        found = [[getattr(measure, which) for measure in one.epochs] for one in self.outcomes if one.last]
        return np.array(found, np.float64)


@attrs.frozen
class Contestant:
    """An optimizer: its learning rates, and which of them did best.

    Args:
        label: its label.
        rates: the runs, by rate, lowest first.
        higher_is_better: whether scores are accuracies rather than errors.
    """

    label: str
    rates: tuple[AtRate, ...]
    higher_is_better: bool

    @property
    def best(self) -> AtRate | None:
        """The rate with the best mean score among those at which no run diverged."""
        sound = [one for one in self.rates if not one.diverged]
        sign = -1 if self.higher_is_better else 1
        return min(sound, key=lambda one: sign * one.final("score").mean()) if sound else None

    @property
    def at_the_end(self) -> str:
        """``"highest"`` or ``"lowest"`` if the best rate is that of several, so that a better one may lie beyond.

        Empty if a second rate is as good to a thousandth, as all are of an optimizer on which they have no effect.
        """
        if self.best is None or len(self.rates) == 1:
            return ""
        best = self.best.final("score").mean()
        others = [one.final("score").mean() for one in self.rates if not one.diverged and one is not self.best]
        if any(abs(best - other) <= 1e-3 * abs(best) for other in others):
            return ""
        return {self.rates[-1].rate: "highest", self.rates[0].rate: "lowest"}.get(self.best.rate, "")

    @property
    def place(self) -> tuple[bool, float]:
        """What contestants are sorted by, the best first."""
        if self.best is None:
            return True, 0.0
        score = float(self.best.final("score").mean())
        return False, -score if self.higher_is_better else score

    @property
    def good(self) -> list[AtRate]:
        """The rates that do about as well as the best: within a point of accuracy, or 5 % of the error."""
        if self.best is None:
            return []
        limit = self.best.final("score").mean() * (1 if self.higher_is_better else 1.05)
        sound = [one for one in self.rates if not one.diverged]
        if self.higher_is_better:
            return [one for one in sound if one.final("score").mean() >= limit - 0.01]
        return [one for one in sound if one.final("score").mean() <= limit]

    @property
    def diverged(self) -> int:
        """How many of its runs diverged."""
        return sum(one.diverged for one in self.rates)

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return sum(len(one.outcomes) for one in self.rates)

    @property
    def seconds(self) -> float:
        """The median time of the runs that did not diverge, or of all if all did."""
        every = [outcome for one in self.rates for outcome in one.outcomes]
        return float(np.median([one.seconds for one in every if one.last] or [one.seconds for one in every]))


def summarise(outcomes: Sequence[Outcome], higher_is_better: bool) -> list[Contestant]:
    """Return the contestants in the order of the runs."""
    labels = dict.fromkeys(outcome.trial.label for outcome in outcomes)
    return [Contestant(label, _rates(outcomes, label), higher_is_better) for label in labels]


def _rates(outcomes: Sequence[Outcome], label: str) -> tuple[AtRate, ...]:
    own = [outcome for outcome in outcomes if outcome.trial.label == label]
    rates = sorted({outcome.trial.rate for outcome in own})
    return tuple(AtRate(rate, tuple(one for one in own if one.trial.rate == rate)) for rate in rates)
