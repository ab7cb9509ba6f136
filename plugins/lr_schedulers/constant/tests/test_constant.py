"""ConstantScheduler is reduced first, and then constant."""

import numpy as np

import mxcore as mx


def test_exactly_the_first_updates_are_reduced() -> None:
    schedule = mx.lr_scheduler.ConstantScheduler(0.8, 0.5, total_steps=3)
    assert schedule(np.arange(6)).tolist() == [0.4, 0.4, 0.4, 0.4, 0.8, 0.8]


def test_without_steps_it_is_never_reduced_not_even_when_asked_for_update_0() -> None:
    assert mx.lr_scheduler.ConstantScheduler(0.8, 1.0, total_steps=0)(0) == 0.8
