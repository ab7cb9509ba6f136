"""WSDScheduler rises, stays and falls, each in its shape."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("shape", ["linear", "cosine", "1-sqrt"])
def test_a_rise_is_a_fall_backwards(shape: str) -> None:
    schedule = mx.lr_scheduler.WSDScheduler(5, 10, 1.0, 10, shape, shape, final_ratio=0.25)
    rates = schedule(np.arange(1, 27))
    np.testing.assert_allclose(rates, rates[::-1], rtol=1e-14)
    assert (rates[0], rates[10:16].tolist(), schedule(10**6)) == (0.25, [1.0] * 6, 0.25)


def test_the_shapes_are_those_of_the_papers_halfway_down() -> None:
    shapes = ("linear", "cosine", "1-sqrt")
    half = [mx.lr_scheduler.WSDScheduler(0, 10, 1.0, decay_type=shape)(6) for shape in shapes]
    assert half == pytest.approx([0.5, 0.5, 1 - 0.5**0.5], rel=1e-14)


def test_without_a_warm_up_the_first_update_has_the_stable_rate() -> None:
    assert mx.lr_scheduler.WSDScheduler(5, 5, 0.5)(1) == 0.5
