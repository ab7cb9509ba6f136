"""JoinScheduler follows its schedules in turn; nested ones are one."""

import numpy as np
import pytest

import mxcore as mx
from mxcore.lr_scheduler import join

A, B, C = (mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=rate) for rate in (1.0, 3.0, 5.0))


def test_each_starts_at_its_own_start_when_its_boundary_is_over() -> None:
    rates = join([A, B, C], [3, 5])(np.arange(1, 9))
    assert rates.tolist() == [1, 0.5, 0.25, 3, 1.5, 5, 2.5, 1.25]


def test_what_would_start_after_the_end_of_a_nested_one_is_left_out() -> None:
    nested = join([join([A, B], [6]), C], [4])
    assert nested == join([A, C], [4])
    assert nested(np.arange(1, 9)).tolist() == [1, 0.5, 0.25, 0.125, 5, 2.5, 1.25, 0.625]


def test_a_nested_one_with_a_base_rate_of_its_own_keeps_it() -> None:
    inner = join([A, B], [2])
    inner.base_lr = 6.0
    assert inner.join(C, at=4)(np.arange(1, 6)).tolist() == [2, 1, 6, 3, 5]


def test_another_base_rate_scales_all_of_them() -> None:
    schedule = join([A, B], [2])
    assert schedule.base_lr == 3
    schedule.base_lr = 1.5
    assert schedule(np.arange(1, 5)).tolist() == [0.5, 0.25, 1.5, 0.75]


@pytest.mark.parametrize(
    ("schedulers", "boundaries", "message"),
    [
        ([A, B], [], "boundaries must be one less than schedulers, 1, got 0"),
        ([A, B, C], [5, 3], "boundaries must be increasing integers of at least 1"),
        ([A, 0.5], [5], "schedulers must be a list of schedulers"),
    ],
)
def test_what_makes_no_sense_is_refused(schedulers: list[object], boundaries: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.lr_scheduler.JoinScheduler(schedulers, boundaries)
