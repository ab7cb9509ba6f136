"""RepeatScheduler starts a schedule again and again."""

import numpy as np

import mxcore as mx

A = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=1.0)


def test_each_period_is_like_the_first() -> None:
    rates = A.repeat(4)(np.arange(1, 21)).reshape(5, 4)
    assert rates.tolist() == [A(np.arange(1, 5)).tolist()] * 5


def test_the_last_time_it_goes_on() -> None:
    assert A.repeat(4, times=2)(np.arange(5, 20)).tolist() == A(np.arange(1, 16)).tolist()
