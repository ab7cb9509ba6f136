"""ScaleScheduler multiplies by a number."""

import numpy as np
import pytest

import mxcore as mx

A = mx.lr_scheduler.create("exponential", gamma=0.9, base_lr=0.3)
N = np.arange(20)


@pytest.mark.parametrize("number", [0.7, 3, np.float32(0.5), np.int64(2)])
def test_numbers_on_both_sides_multiply(number: float) -> None:
    for schedule in (number * A, A * number):
        assert isinstance(schedule, mx.lr_scheduler.ScaleScheduler)
        assert schedule(N).tolist() == (float(number) * A(N)).tolist()


@pytest.mark.parametrize("other", ["2", None, True, [1.0]])
def test_nothing_else_does(other: object) -> None:
    with pytest.raises(TypeError):
        A * other  # type: ignore[operator]
