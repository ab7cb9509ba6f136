"""SGD keeps state only for momentum, and a new learning rate affects only new gradients."""

import numpy as np

import mxcore as mx


def test_without_momentum_there_is_no_state() -> None:
    assert mx.optimizer.SGD().create_state(0, np.zeros(3)) is None


def test_a_new_rate_acts_on_new_gradients_alone() -> None:
    optimizer = mx.optimizer.SGD(momentum=0.5, learning_rate=1.0)
    weight, update = np.zeros(1), mx.optimizer.get_updater(optimizer)
    update(0, np.ones(1), weight)
    optimizer.set_learning_rate(0.0)
    update(0, np.ones(1), weight)
    assert weight.tolist() == [-1.5]


def test_torchs_velocity_leaves_the_rate_out_and_dampens_all_but_the_first_gradient() -> None:
    optimizer = mx.optimizer.SGD(momentum=0.5, learning_rate=1.0, lr_in_velocity=False, dampening=0.25)
    weight, update = np.zeros(1), mx.optimizer.get_updater(optimizer)
    update(0, np.ones(1), weight)
    assert weight.tolist() == [-1.0]
    optimizer.set_learning_rate(2.0)
    update(0, np.ones(1), weight)  # the velocity is 0.5 · 1 + 0.75 · 1
    assert weight.tolist() == [-3.5]


def test_decay_stands_outside_of_the_clipping() -> None:
    weight = np.full(1, 10.0)
    mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, wd=0.5, clip_gradient=1.0))(0, np.full(1, 9.0), weight)
    assert weight.tolist() == [4.0]


def test_ccsgd_is_another_name_for_it() -> None:
    assert type(mx.optimizer.create("ccsgd", momentum=0.5)) is mx.optimizer.ccSGD is mx.optimizer.SGD
