"""CyclicScheduler goes up and down between its bounds."""

import numpy as np

import mxcore as mx


def test_each_cycle_is_like_the_first() -> None:
    schedule = mx.lr_scheduler.CyclicScheduler(0.1, 0.5, step_size_up=4, step_size_down=6)
    rates = schedule(np.arange(1, 41)).reshape(4, 10)
    assert (rates == rates[0]).all()
    assert (rates[0].argmax(), rates.max(), rates.min()) == (4, 0.5, 0.1)


def test_triangular2_halves_the_height_of_each_cycle() -> None:
    schedule = mx.lr_scheduler.CyclicScheduler(0.0, 1.0, step_size_up=5, mode="triangular2")
    assert [schedule(t) for t in (6, 16, 26)] == [1, 0.5, 0.25]
    assert schedule(10**6 + 6) == 0


def test_exp_range_shrinks_with_each_update() -> None:
    schedule = mx.lr_scheduler.CyclicScheduler(0.0, 1.0, step_size_up=1, mode="exp_range", gamma=0.5)
    assert [schedule(t) for t in (1, 2, 3, 4)] == [0, 0.5, 0, 0.125]


def test_an_upper_bound_that_was_not_given_follows_the_lower_one() -> None:
    schedule = mx.lr_scheduler.CyclicScheduler(0.5, step_size_up=1)
    schedule.base_lr = 0.25
    assert schedule(2) == 1
