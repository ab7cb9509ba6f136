"""CosineWarmRestartsScheduler starts again at the end of each cycle, which may be longer than the one before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx


@given(period=st.integers(1, 20), mult=st.integers(1, 3))
def test_cycles_start_at_the_base_rate_one_after_the_other(period: int, mult: int) -> None:
    schedule = mx.lr_scheduler.CosineWarmRestartsScheduler(period, 0.5, mult, final_lr=0.1)
    lengths = [period * mult**i for i in range(4)]
    cosines = [0.3 + 0.2 * np.cos(np.pi * np.arange(length) / length) for length in lengths]
    np.testing.assert_allclose(schedule(np.arange(1, sum(lengths) + 1)), np.concatenate(cosines), rtol=1e-12)


def test_after_any_number_of_updates_a_number_and_an_array_agree() -> None:
    schedule = mx.lr_scheduler.CosineWarmRestartsScheduler(3, 0.5, 2)
    updates = np.array([2**53, 1, 10**9, 10**9 + 1])
    assert schedule(updates).tolist() == [schedule(t) for t in updates.tolist()]
