"""WarmupScheduler rises to the start of a schedule, and follows it from its start."""

import numpy as np
import pytest

import mxcore as mx


def test_it_delays_the_schedule_and_rises_to_its_first_rate() -> None:
    after = mx.lr_scheduler.create("linear", total_steps=9, base_lr=0.8, start_factor=0.5)
    rates = after.warmup(5, begin_lr=0.1)(np.arange(1, 20))
    np.testing.assert_allclose(rates[:6], np.linspace(0.1, 0.4, 6), rtol=1e-14)
    assert rates[5:].tolist() == after(np.arange(1, 15)).tolist()


def test_another_base_rate_moves_the_schedule_but_not_where_it_begins() -> None:
    schedule = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4).warmup(4, begin_lr=0.1)
    schedule.base_lr = 0.8
    assert schedule(np.array([1, 5, 6])) == pytest.approx([0.1, 0.8, 0.4])
    with pytest.raises(ValueError, match=r"warmup_begin_lr must be at most base_lr=0\.05, got 0\.1"):
        schedule.base_lr = 0.05


def test_without_updates_it_is_the_schedule() -> None:
    after = mx.lr_scheduler.create("poly", max_update=9, base_lr=0.8)
    assert after.warmup(0)(np.arange(20)).tolist() == after(np.arange(20)).tolist()
