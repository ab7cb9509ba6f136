"""Sparse has the same number of zeros in each column, at random places."""

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


def test_columns_have_equally_many_zeros_at_random_places_and_normal_values_elsewhere() -> None:
    mx.random.seed(1)
    weight = np.empty((10, 4000))
    mx.init.Sparse(0.61, sigma=0.5)("fc_weight", weight)
    zeros = weight == 0
    assert (zeros.sum(axis=0) == 7).all()
    assert stats.chisquare(zeros.sum(axis=1)).pvalue > 0.01
    assert stats.kstest(weight[~zeros] / 0.5, "norm").pvalue > 0.01


def test_a_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Sparse needs two axes: 'x_weight' has shape \(2, 2, 3\)"):
        mx.init.Sparse(0.5)("x_weight", np.empty((2, 2, 3)))
