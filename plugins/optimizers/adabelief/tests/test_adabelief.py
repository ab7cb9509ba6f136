"""AdaBelief takes long steps where gradients agree with their mean."""

import numpy as np

import mxcore as mx


def moved(grads: list[float], **settings: float) -> float:
    weight, update = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.AdaBelief(0.1, **settings))
    for grad in grads:
        before = weight.copy()
        update(0, np.full(1, grad), weight)
    return abs((weight - before).item())


def test_steps_are_longer_where_gradients_agree() -> None:
    assert moved([1.0] * 100) > 1.5 * moved([1.0, 0.5] * 50)
    assert moved([1.0] * 100) > 0.1  # Adam's step


def test_epsilon_root_accumulates_in_the_variance() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.AdaBelief(beta2=0.5, epsilon=1.0, epsilon_root=4.0))
    for _ in range(2):
        update(0, np.zeros(1), np.zeros(1))
    assert update.states[0][1].tolist() == [6.0]
    update = mx.optimizer.get_updater(mx.optimizer.AdaBelief(beta2=0.5, epsilon=1.0))
    update(0, np.zeros(1), np.zeros(1))
    assert update.states[0][1].tolist() == [1.0]
