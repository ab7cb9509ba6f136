"""FactorScheduler drops every `step` updates, never below its floor, and never rises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx


@given(step=st.integers(1, 50), factor=st.floats(0.1, 1), t=st.integers(1, 500))
def test_it_is_the_power_of_the_steps_that_are_over(step: int, factor: float, t: int) -> None:
    schedule = mx.lr_scheduler.FactorScheduler(step, factor, stop_factor_lr=0.01, base_lr=0.5)
    # Powers in NumPy and in Python may differ in the last bit.
    assert schedule(t) == pytest.approx(max(0.5 * factor ** ((t - 1) // step), 0.01), rel=1e-14)


def test_a_floor_above_the_base_rate_does_not_raise_it() -> None:
    schedule = mx.lr_scheduler.FactorScheduler(1, 0.5, stop_factor_lr=0.7, base_lr=0.5)
    assert schedule(10) == 0.5


@pytest.mark.parametrize("arguments", [{"step": 0}, {"step": 1, "factor": 1.5}, {"step": "often"}])
def test_what_makes_no_sense_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        mx.lr_scheduler.FactorScheduler(**arguments)
