"""ExponentialScheduler multiplies by the same factor, gradually or in steps, between its bounds."""

import numpy as np
import pytest

import mxcore as mx


def test_every_span_of_updates_multiplies_by_the_factor() -> None:
    schedule = mx.lr_scheduler.ExponentialScheduler(0.3, 0.5, decay_steps=7, begin=3)
    rates = schedule(np.arange(1, 60))
    assert rates[:4].tolist() == [0.5] * 4
    np.testing.assert_allclose(rates[10:] / rates[3:-7], 0.3, rtol=1e-13)


def test_a_staircase_drops_where_the_span_ends() -> None:
    schedule = mx.lr_scheduler.ExponentialScheduler(0.5, 1.0, decay_steps=10, staircase=True)
    assert [schedule(t) for t in (1, 10, 11, 20, 21)] == [1, 1, 0.5, 0.5, 0.25]


def test_the_final_rate_bounds_a_fall_from_below_and_a_rise_from_above() -> None:
    assert mx.lr_scheduler.ExponentialScheduler(0.5, 1.0, final_lr=0.3)(10) == 0.3
    assert mx.lr_scheduler.ExponentialScheduler(2.0, 1.0, final_lr=3.0)(10) == 3.0
    with pytest.raises(ValueError, match=r"final_lr must be at most base_lr=0\.1, got 0\.2"):
        mx.lr_scheduler.ExponentialScheduler(0.5, 0.1, final_lr=0.2)
