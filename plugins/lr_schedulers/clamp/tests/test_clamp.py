"""ClampScheduler keeps rates between its bounds."""

import numpy as np
import pytest

import mxcore as mx

A = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=1.0)


def test_each_bound_is_optional() -> None:
    for bounds in ({}, {"low": 0.2}, {"high": 0.7}, {"low": 0.2, "high": 0.7}):
        wanted = np.clip(A(np.arange(9)), bounds.get("low", 0), bounds.get("high", 9))
        assert A.clamp(**bounds)(np.arange(9)).tolist() == wanted.tolist()


def test_bounds_stay_where_they_are_when_the_base_rate_is_assigned() -> None:
    schedule = A.clamp(0.2)
    schedule.base_lr = 0.5
    assert [schedule(t) for t in (1, 2, 3)] == [0.5, 0.25, 0.2]


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"low must be at most high=0\.1, got 0\.2"):
        A.clamp(0.2, 0.1)
