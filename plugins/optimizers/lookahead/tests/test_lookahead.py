"""Lookahead's slow weights move every k updates, and the state of the wrapped optimizer goes on."""

import numpy as np

import mxcore as mx


def test_it_goes_back_every_k_updates() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Lookahead("sgd", k=3, alpha=0.25, learning_rate=1.0))
    weight, path = np.zeros(1), []
    for _ in range(6):
        update("w", np.ones(1), weight)
        path.append(float(weight[0]))
    assert path == [-1, -2, -0.75, -1.75, -2.75, -1.5]


def test_the_momentum_of_the_wrapped_optimizer_is_kept() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Lookahead("sgd", k=1, alpha=0.0, learning_rate=1.0, momentum=0.5))
    weight = np.zeros(1)
    for _ in range(2):
        update("w", np.ones(1), weight)
    slow, velocity = update.states["w"]
    assert weight.tolist() == slow.tolist() == [0]
    assert velocity.tolist() == [-1.5]
