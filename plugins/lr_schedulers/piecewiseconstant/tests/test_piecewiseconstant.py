"""PiecewiseConstantScheduler multiplies by its scales, each after its boundary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx


@given(ends=st.sets(st.integers(1, 50), min_size=1), data=st.data())
def test_it_is_the_product_of_the_scales_whose_updates_are_over(ends: set[int], data: st.DataObject) -> None:
    scales = data.draw(st.lists(st.sampled_from([0.5, 2.0, 0.0]), min_size=len(ends), max_size=len(ends)))
    schedule = mx.lr_scheduler.PiecewiseConstantScheduler(sorted(ends), scales, 1.0)
    wanted = [np.prod([s for end, s in zip(sorted(ends), scales, strict=True) if t > end]) for t in range(1, 60)]
    assert schedule(np.arange(1, 60)).tolist() == wanted


def test_it_is_multifactor_with_a_list_of_factors() -> None:
    schedule = mx.lr_scheduler.PiecewiseConstantScheduler([3, 7], [0.5, 0.1], 0.4)
    other = mx.lr_scheduler.MultiFactorScheduler([3, 7], [0.5, 0.1], 0.4)
    assert schedule(np.arange(20)).tolist() == other(np.arange(20)).tolist()


def test_as_many_scales_as_boundaries_are_needed() -> None:
    with pytest.raises(ValueError, match="scales must have as many numbers as boundaries, 2, got 1"):
        mx.lr_scheduler.PiecewiseConstantScheduler([3, 7], [0.5])
