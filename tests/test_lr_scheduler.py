"""The base class of schedules: warm-up, scalars and arrays, validation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx
from mxcore.lr_scheduler import LRScheduler, evaluate


@mx.hyperparameters
class Falling(LRScheduler):
    """The base rate divided by the update count."""

    def rate(self, t: Any) -> Any:
        return self.base_lr / t


@given(
    steps=st.integers(0, 20),
    begin=st.floats(0, 0.5),
    mode=st.sampled_from(["linear", "constant"]),
    updates=st.lists(st.integers(1, 50), min_size=1),
)
def test_arrays_and_scalars_in_any_order_agree(steps: int, begin: float, mode: str, updates: list[int]) -> None:
    schedule = Falling(0.5, steps, begin, mode)
    rates = schedule(np.array(updates))
    assert rates.tolist() == [schedule(update) for update in updates]
    assert rates.tolist() == [schedule(update) for update in reversed(updates)][::-1]
    assert all(type(schedule(update)) is float for update in updates)


def test_a_linear_warm_up_ends_at_the_base_rate_of_the_moment() -> None:
    schedule = Falling(1.0, warmup_steps=10, warmup_begin_lr=0.5)
    assert [schedule(t) for t in (0, 5, 10)] == [0.5, 0.75, 0.1]
    schedule.base_lr = 1.5
    assert schedule(5) == 1.0


def test_a_constant_warm_up_stays() -> None:
    assert Falling(1.0, 10, 0.25, "constant")(np.array([0, 9, 10])).tolist() == [0.25, 0.25, 0.1]


def test_a_scheduler_that_takes_numbers_is_called_for_each() -> None:
    asked: list[int] = []

    def schedule(update: int) -> float:
        asked.append(update)
        return update * 0.5

    assert evaluate(schedule, np.arange(3)).tolist() == [0, 0.5, 1]
    assert asked == [0, 1, 2]
    assert all(type(update) is int for update in asked)
    assert evaluate(Falling(1.0), [1, 2]).tolist() == [1, 0.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"warmup_steps": -1}, "warmup_steps must be an integer of at least 0, got -1"),
        ({"warmup_steps": 1.5}, "warmup_steps must be an integer of at least 0, got 1.5"),
        ({"warmup_begin_lr": 0.5}, "warmup_begin_lr must be at most base_lr=0.01, got 0.5"),
        ({"warmup_mode": "cubic"}, "warmup_mode must be one of 'linear', 'constant', got 'cubic'"),
        ({"base_lr": "fast"}, "base_lr must be None or a number of at least 0, got 'fast'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Falling(**arguments)


def test_a_subclass_without_a_rate_says_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"must define rate\(t\) or __call__\(num_update\)"):
        LRScheduler()(1)


def test_schedules_are_created_by_name_class_name_and_text() -> None:
    for what in ("factor", "FactorScheduler"):
        assert mx.lr_scheduler.create(what, step=3).step == 3
    assert mx.lr_scheduler.create('["multifactor", {"step": [1, 2]}]')(2) == 0.01


def test_a_constructor_of_its_own_has_no_text_that_would_be_true() -> None:
    class Mine(LRScheduler):
        def __init__(self, period: int) -> None:
            super().__init__(base_lr=0.1)
            self.period = period

    with pytest.raises(TypeError, match="Mine has its own constructor: define dumps"):
        Mine(3).dumps()
