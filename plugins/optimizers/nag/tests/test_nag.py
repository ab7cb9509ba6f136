"""NAG steps from where its momentum leads, and its weight decay uses the weight before the step."""

import numpy as np

import mxcore as mx


def test_with_momentum_it_differs_from_sgd_by_one_step_of_looking_ahead() -> None:
    weight, plain = np.zeros(1), np.zeros(1)
    mx.optimizer.get_updater(mx.optimizer.NAG(momentum=0.5, learning_rate=1.0))(0, np.ones(1), weight)
    mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.5, learning_rate=1.0))(0, np.ones(1), plain)
    assert (weight.tolist(), plain.tolist()) == ([-1.5], [-1.0])


def test_without_momentum_it_is_sgd_and_keeps_nothing() -> None:
    weight, updater = np.ones(1), mx.optimizer.get_updater(mx.optimizer.NAG(learning_rate=0.5, wd=0.5))
    updater(0, np.ones(1), weight)
    assert weight.tolist() == [0.25]
    assert updater.states == {0: None}


def test_the_velocity_of_nag_decays_from_the_weight_before_the_step() -> None:
    weight = np.ones(1)
    updater = mx.optimizer.get_updater(mx.optimizer.NAG(momentum=0.5, learning_rate=1.0, wd=0.5))
    updater(0, np.zeros(1), weight)
    assert updater.states[0].tolist() == [-0.5]
