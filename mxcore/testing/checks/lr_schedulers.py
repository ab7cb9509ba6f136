"""The laws of schedules."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.lr_scheduler import evaluate
from mxcore.testing.check import check, expect, refuses, same
from mxcore.testing.subject import Subject

UPDATES = np.arange(301)
WARMING_UP: dict[str, Any] = {"base_lr": 0.5, "warmup_steps": 8, "warmup_begin_lr": 0.1}


def _warms_up(subject: Subject) -> bool:
    """Return whether the constructor takes the arguments of the base class, which is optional."""
    try:
        subject.make(**WARMING_UP, warmup_mode="linear")
    except TypeError:
        return False
    return True


def _from(subject: Subject, rate: float, **more: Any) -> Any:
    """Return a schedule with this ``base_lr``, whatever the constructor calls it; None if it does not take it."""
    declared = getattr(subject.cls, "_declared", {})
    name = str(declared["base_lr"].alias) if "base_lr" in declared else "base_lr"
    try:
        return subject.make(**{name: rate}, **more)
    except TypeError:
        return None


@check("lr_scheduler")
def schedules_are_pure(subject: Subject) -> None:
    """Any number of calls in any order gives the same rates, and changes nothing.

    Plots, optimizers that share a schedule, and resumed runs call it in another order.
    """
    schedule = subject.make()
    before = dict(vars(schedule))
    forwards = [float(schedule(update)) for update in UPDATES.tolist()]
    shuffled = np.random.default_rng(0).permutation(UPDATES).tolist()
    other = {update: float(schedule(update)) for update in shuffled}
    for update, rate in enumerate(forwards):
        expect(other[update] == rate, f"update {update} has the rate {other[update]}, but had {rate}")
    fresh = subject.make()
    for update in (250, 0):
        expect(
            fresh(update) == forwards[update],
            f"in a first call, update {update} has {fresh(update)}, not {forwards[update]}",
        )
    changed = [name for name, value in vars(schedule).items() if name not in before or before[name] != value]
    expect(not changed, f"calls changed the attributes {changed}")


@check("lr_scheduler")
def arrays_have_the_bits_of_scalars(subject: Subject) -> None:
    """An array of updates gives an array of rates, and a number gives a float.

    A plot should show the rates that are really used.
    """
    schedule = subject.make()
    rates = evaluate(schedule, UPDATES.reshape(7, 43))
    expect(
        rates.dtype == np.float64 and rates.shape == (7, 43), f"an array of (7, 43) gives {rates.dtype}{rates.shape}"
    )
    same([rates.ravel()], [np.array([schedule(update) for update in UPDATES.tolist()])], "as an array, rates")
    for update in (3, np.int64(30), np.array(30)):
        expect(isinstance(schedule(update), float), f"{update!r} gives a {type(schedule(update)).__name__}")


@check("lr_scheduler")
def rates_are_bounded(subject: Subject) -> None:
    """Rates are finite, not negative, and at most ``base_lr``.

    The base rate is what you tune.
    """
    schedule = _from(subject, 0.5) or subject.make()
    rates = evaluate(schedule, UPDATES)
    expect(np.isfinite(rates).all(), f"there is a rate of {rates[~np.isfinite(rates)][:1]}")
    expect(rates.min() >= 0, f"update {rates.argmin()} has the rate {rates.min()}")
    expect(
        rates.max() <= schedule.base_lr, f"update {rates.argmax()} has {rates.max()}, but base_lr is {schedule.base_lr}"
    )


@check("lr_scheduler")
def the_final_rate_is_held(subject: Subject) -> None:
    """A schedule keeps its final rate after its end, and one without an end never rises again.

    Training often continues for longer than planned.
    """
    updates = [*range(10**6, 10**6 + 200), 10**9, 2**53]
    rates = [float(subject.make()(update)) for update in updates]
    for (late, before), (later, after) in itertools.pairwise(zip(updates, rates, strict=True)):
        expect(
            after <= before, f"it rises after its end: updates {late} and {later} have the rates {before} and {after}"
        )


@check("lr_scheduler")
def the_base_rate_can_be_assigned(subject: Subject) -> None:
    """A new ``base_lr`` takes effect at once, even for the warm-up, and rates grow with it, but no faster.

    An optimizer that was given a learning rate assigns it.
    """
    if _from(subject, 0.5) is None:
        return
    for more in ({}, {"warmup_steps": 8}) if _warms_up(subject) else ({},):
        schedule, expected = _from(subject, 0.5, **more), _from(subject, 0.25, **more)
        schedule(200)
        schedule.base_lr = 0.25
        same([evaluate(schedule, UPDATES)], [evaluate(expected, UPDATES)], "after base_lr = 0.25, rates")
    low, high = (evaluate(_from(subject, rate), UPDATES) for rate in (0.25, 0.5))
    expect((low <= high).all() and (high <= 2 * low).all(), "with twice the base_lr, rates fall or more than double")
    expect(high[0] == 2 * low[0], f"update 0 has {low[0]}, and {high[0]} with twice the base_lr")


@check("lr_scheduler")
def warm_ups_follow_the_base_class(subject: Subject) -> None:
    """A linear warm-up is a straight line to ``base_lr``, and a constant one keeps its initial rate.

    All schedules should share the same warm-up.
    """
    if not _warms_up(subject):
        return
    line = 0.1 + (0.5 - 0.1) * np.arange(8) / 8
    same([evaluate(subject.make(**WARMING_UP), np.arange(8))], [line], "a linear warm-up", rtol=1e-14)
    constant = evaluate(subject.make(**WARMING_UP, warmup_mode="constant"), np.arange(8))
    same([constant], [np.full(8, 0.1)], "a constant warm-up")


@check("lr_scheduler")
def schedule_dumps_round_trips(subject: Subject) -> None:
    """``create`` makes an equal schedule from ``dumps()``; so does pickle.

    A saved run refers to its schedule by name.
    """
    schedule = subject.make()
    ways: dict[str, Any] = {"create(dumps())": mx.lr_scheduler.create(schedule.dumps())}
    if subject.importable:
        ways["pickle"] = pickle.loads(pickle.dumps(schedule))
    for how, again in ways.items():
        expect(type(again) is subject.cls and repr(again) == repr(schedule), f"{how} gives {again!r}, not {schedule!r}")
        same([evaluate(again, UPDATES)], [evaluate(schedule, UPDATES)], f"after {how}, rates")


@check("lr_scheduler")
def wrong_warm_ups_are_refused(subject: Subject) -> None:
    """Invalid warm-up steps, a start above ``base_lr``, an unknown mode and a NaN are ValueErrors.

    Otherwise, they would show in the first update, or never.
    """
    if not _warms_up(subject):
        return
    for bad, says in (
        ({"warmup_steps": -1}, "warmup_steps must be"),
        ({"warmup_steps": 2.5}, "warmup_steps must be"),
        ({"base_lr": 0.1, "warmup_begin_lr": 0.2}, "warmup_begin_lr must be at most base_lr"),
        ({"warmup_mode": "cubic"}, "warmup_mode must be one of"),
        ({"base_lr": float("nan")}, "base_lr must be"),
    ):
        refuses(lambda bad=bad: subject.make(**bad), str(bad), says=says)  # type: ignore[misc]
