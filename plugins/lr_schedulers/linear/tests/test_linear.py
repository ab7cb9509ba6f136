"""LinearScheduler is a straight line between two shares of the base rate, and then constant."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx


@given(total=st.integers(1, 200), start=st.floats(0, 1), end=st.floats(0, 1))
def test_both_ends_are_exact_and_all_steps_equal(total: int, start: float, end: float) -> None:
    schedule = mx.lr_scheduler.LinearScheduler(total, 1.0, start, end)
    assert (schedule(1), schedule(total + 1), schedule(10**9)) == (start, end, end)
    np.testing.assert_allclose(np.diff(schedule(np.arange(1, total + 2))), (end - start) / total, rtol=0, atol=1e-15)
