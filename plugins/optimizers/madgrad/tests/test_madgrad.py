"""MADGRAD's weights approach an offset from the first ones, which divides by a cube root."""

import numpy as np
import pytest

import mxcore as mx
from mxcore.native.emitters import available


def test_every_kernel_gives_the_same_bits() -> None:
    grads, found, before = np.random.default_rng(1).normal(size=(5, 1000)), set(), mx.kernel.in_use()
    for kernel in available():
        mx.kernel.use(kernel)
        try:
            weight, update = np.ones(1000), mx.optimizer.get_updater(mx.optimizer.MADGRAD())
            for grad in grads:
                update(0, grad, weight)
        finally:
            mx.kernel.use(before)
        found.add(weight.tobytes())
    assert len(found) == 1


def test_weights_go_a_fixed_part_of_the_way_even_at_a_rate_of_zero() -> None:
    """The sum is 1, the sum of squares 8, and so z is at 1 - 1 / 2."""
    update = mx.optimizer.get_updater(mx.optimizer.MADGRAD(0.125, momentum=0.5, epsilon=0.0))
    weight = np.ones(1)
    for grad, rate, place in ((8.0, 0.125, 0.75), (1e3, 0.0, 0.625), (1e3, 0.0, 0.5625)):
        update.optimizer.learning_rate = rate
        update(0, np.full(1, grad), weight)
        assert weight == pytest.approx([place])


def test_epsilon_is_added_to_the_rate_and_to_the_root() -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.MADGRAD(0.5, momentum=0.0, epsilon=0.5)), np.zeros(1)
    update(0, np.full(1, 8**0.5), weight)
    assert weight == pytest.approx([-(8**0.5) / 2.5])
