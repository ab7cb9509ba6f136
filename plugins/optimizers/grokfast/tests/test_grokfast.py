"""Grokfast adds the average of all gradients so far."""

import numpy as np

import mxcore as mx


def test_slow_gradients_are_amplified_and_fast_ones_less() -> None:
    found = []
    for grads in ([1.0] * 40, [1.0, -1.0] * 20):
        update = mx.optimizer.get_updater(mx.optimizer.Grokfast("sgd", alpha=0.9, factor=2.0, learning_rate=1.0))
        weight = np.zeros(1)
        for grad in grads:
            before = weight.copy()
            update("w", np.array([grad]), weight)
        found.append(float(abs(before - weight)[0]))
    assert found[0] == 3
    assert 0.8 < found[1] < 1.2


def test_the_first_gradient_starts_the_average() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Grokfast("sgd", alpha=0.5, factor=0.0, learning_rate=1.0))
    weight = np.zeros(1)
    for grad, slow in ((4.0, 4.0), (0.0, 2.0), (1.0, 1.5)):
        update("w", np.array([grad]), weight)
        assert update.states["w"][0].tolist() == [slow]
