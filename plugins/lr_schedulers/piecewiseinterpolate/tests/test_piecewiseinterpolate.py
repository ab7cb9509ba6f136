"""PiecewiseInterpolateScheduler moves between its values."""

import numpy as np
import pytest

import mxcore as mx

BOUNDARIES, SCALES = [4, 10], [0.5, 3.0]


@pytest.mark.parametrize("interpolate", ["linear", "cosine"])
def test_each_value_is_reached_at_its_boundary_and_the_last_one_held(interpolate: str) -> None:
    schedule = mx.lr_scheduler.PiecewiseInterpolateScheduler(BOUNDARIES, SCALES, 0.2, interpolate)
    assert schedule(np.array([0, 1, 5, 11, 10**6])) == pytest.approx([0.2, 0.2, 0.1, 0.3, 0.3], rel=1e-14)
    assert schedule(np.array([3, 8])) == pytest.approx([0.15, 0.2], rel=1e-14)


def test_a_cosine_is_flat_at_the_boundaries() -> None:
    line, cosine = (
        mx.lr_scheduler.PiecewiseInterpolateScheduler([100], [0.0], 1.0, how)(2) for how in ("linear", "cosine")
    )
    assert 1 - cosine == pytest.approx((1 - np.cos(np.pi / 100)) / 2, rel=1e-9)
    assert 1 - cosine < (1 - line) / 10
