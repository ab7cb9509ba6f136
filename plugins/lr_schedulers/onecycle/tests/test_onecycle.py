"""OneCycleScheduler rises once, and falls to a small rate, which it keeps."""

import numpy as np
import pytest

import mxcore as mx


def test_it_starts_peaks_and_ends_where_it_should() -> None:
    schedule = mx.lr_scheduler.OneCycleScheduler(100, 0.5, 0.25, div_factor=10, final_div_factor=100)
    rates = schedule(np.arange(1, 300))
    assert (rates[0], rates.max(), rates.argmax()) == (0.05, 0.5, 24)
    assert rates[99] == rates[-1] == pytest.approx(0.0005, rel=1e-15)
    assert (np.diff(rates[:25]) > 0).all()
    assert (np.diff(rates[24:100]) < 0).all()


def test_with_three_phases_it_is_back_at_the_initial_rate_as_soon_as_it_rose() -> None:
    schedule = mx.lr_scheduler.OneCycleScheduler(101, 1.0, pct_start=21 / 101, anneal="linear", three_phase=True)
    rates = schedule(np.arange(1, 42))
    np.testing.assert_allclose(rates, rates[::-1], rtol=1e-13)


def test_the_maximum_is_the_base_rate() -> None:
    schedule = mx.lr_scheduler.OneCycleScheduler(100, max_lr=0.5)
    assert mx.optimizer.SGD(learning_rate=0.25, lr_scheduler=schedule).lr_scheduler.base_lr == 0.25
    assert "max_lr=0.25" in repr(schedule)
    assert schedule(30) == 0.25


def test_phases_that_do_not_fit_are_refused_also_when_assigned() -> None:
    schedule = mx.lr_scheduler.OneCycleScheduler(100, pct_start=0.6)
    with pytest.raises(ValueError, match=r"the phases must end one after the other: .* after 59, 118, 99 updates"):
        schedule.three_phase = True
    assert not schedule.three_phase
