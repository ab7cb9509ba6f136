"""COCOB bets what it has won, whatever the scale of gradients is."""

import numpy as np

import mxcore as mx


def walk(grads: list[float], **settings: object) -> list[float]:
    """Return where these gradients lead from 0."""
    weight, update, places = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.COCOB(**settings)), []
    for grad in grads:
        update(0, np.full(1, grad), weight)
        places.append(weight.item())
    return places


def test_won_bets_raise_the_stakes_and_a_loss_takes_them_back() -> None:
    assert walk([-1.0, -1.0, 2.0], alpha=2.0) == [1 / 2, 2 / 3 * (1 + 1 / 2), 0.0]


def test_the_scale_of_gradients_and_a_constant_rate_change_no_bit() -> None:
    grads = [3.0, 1.0, -0.5, 2.0]
    assert walk(grads) == walk([2.0**20 * grad for grad in grads]) == walk(grads, learning_rate=2.0**-10)


def test_a_rate_of_zero_leaves_out_a_gradient() -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.COCOB()), np.zeros(1)
    for grad, rate in ((1.0, 1.0), (100.0, 0.0), (1.0, 1.0)):
        update.optimizer.learning_rate = rate
        update(0, np.full(1, grad), weight)
    assert weight.tolist() == walk([1.0, 1.0])[-1:]
