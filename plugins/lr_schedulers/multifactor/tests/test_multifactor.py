"""MultiFactorScheduler drops after each of its steps."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx


@given(steps=st.sets(st.integers(1, 100), min_size=1), t=st.integers(1, 150))
def test_it_is_the_power_of_the_steps_that_are_over(steps: set[int], t: int) -> None:
    schedule = mx.lr_scheduler.MultiFactorScheduler(sorted(steps), 0.5, base_lr=1.0)
    assert schedule(t) == 0.5 ** sum(t > step for step in steps)


@pytest.mark.parametrize("steps", [[], [3, 2], [0, 1], [1.5], 10, "often"])
def test_what_is_no_increasing_list_is_refused(steps: Any) -> None:
    with pytest.raises(ValueError, match="step must be a list of increasing integers of at least 1"):
        mx.lr_scheduler.MultiFactorScheduler(steps)
