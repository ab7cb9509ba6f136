"""CosineScheduler follows half a cosine down to the final rate, and stays there."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx


@given(end=st.integers(2, 300), warmup=st.integers(0, 1), t=st.integers(1, 400))
def test_it_is_half_a_period(end: int, warmup: int, t: int) -> None:
    schedule = mx.lr_scheduler.CosineScheduler(end, 0.5, 0.1, warmup)
    angle = math.pi * (min(t, end) - warmup) / (end - warmup)
    assert schedule(t) == pytest.approx(0.3 + 0.2 * math.cos(angle), rel=1e-12)


def test_the_end_is_exact_and_held_without_having_been_there() -> None:
    schedule = mx.lr_scheduler.CosineScheduler(max_update=7, base_lr=0.3, final_lr=0.1)
    assert (schedule(10**9), schedule(7), schedule(0)) == (0.1, 0.1, pytest.approx(0.3, rel=1e-15))


def test_a_new_base_rate_moves_the_warm_up_and_what_follows() -> None:
    schedule = mx.lr_scheduler.CosineScheduler(max_update=20, base_lr=0.9, warmup_steps=10)
    schedule.base_lr = 0.2
    assert [schedule(t) for t in (5, 10, 15, 20)] == pytest.approx([0.1, 0.2, 0.1, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_update": 5, "warmup_steps": 6}, "warmup_steps must be less than max_update=5, got 6"),
        ({"max_update": "many"}, "max_update must be an integer of at least 1, got 'many'"),
        ({"max_update": 5, "final_lr": -1}, "final_lr must be a number of at least 0, got -1"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.lr_scheduler.CosineScheduler(**arguments)
