"""ProductScheduler multiplies rates, or shapes from a base rate of its own."""

import numpy as np
import pytest

import mxcore as mx

A = mx.lr_scheduler.create("exponential", gamma=0.9, base_lr=0.3)
B = mx.lr_scheduler.create("constant", base_lr=0.7, factor=0.5, total_steps=5)
N = np.arange(20)


def test_products_of_products_are_one() -> None:
    assert (A * B) * A == A * (B * A) == mx.lr_scheduler.ProductScheduler([A, B, A])


def test_with_a_base_rate_only_the_shapes_count() -> None:
    schedule = mx.lr_scheduler.ProductScheduler([A, B], base_lr=0.2)
    np.testing.assert_allclose(schedule(N), 0.2 * A(N) / 0.3 * B(N) / 0.7, rtol=1e-14)
    nested = schedule * B
    np.testing.assert_allclose(nested(N), schedule(N) * B(N), rtol=1e-14)


def test_nothing_is_scaled_from_0() -> None:
    with pytest.raises(ValueError, match="base_lr must be 0, as that of the schedulers that it would scale, got 0.1"):
        mx.lr_scheduler.ProductScheduler([mx.lr_scheduler.FactorScheduler(9, base_lr=0)], base_lr=0.1)
