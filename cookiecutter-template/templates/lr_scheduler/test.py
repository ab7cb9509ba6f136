"""The learning rates, update by update, and a law that they obey."""

import mxcore as mx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


# Edit here (3 of 7): a few rates computed by hand, and a property that holds for every update.
def test_a_golden_trajectory() -> None:
    schedule = mx.lr_scheduler.create("{{ cookiecutter.name }}", hold=4, base_lr=0.5)
    assert [schedule(t) for t in (1, 4, 16, 64, 400)] == [0.5, 0.5, 0.25, 0.125, 0.05]


@settings(deadline=None)
@given(st.integers(1, 1000), st.integers(0, 10_000))
def test_four_times_the_updates_halve_the_rate(hold: int, further: int) -> None:
    schedule = mx.lr_scheduler.create("{{ cookiecutter.name }}", hold=hold, base_lr=1.0)
    t = hold + further
    assert schedule(4 * t) == pytest.approx(schedule(t) / 2)


def test_a_hold_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="hold must be a number above 0, got 0"):
        mx.lr_scheduler.create("{{ cookiecutter.name }}", hold=0)
