"""LARS scales per layer, except biases and norms, and corrects its momentum for a new learning rate."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize(("name", "step"), [("fc_weight", 0.5), ("fc_bias", 2.0), ("bn_gamma", 2.0), ("bn_beta", 2.0)])
def test_biases_and_norms_are_not_scaled(name: str, step: float) -> None:
    weight, optimizer = np.array([5.0]), mx.optimizer.LARS(eta=0.1, learning_rate=1.0, param_idx2name={0: name})
    mx.optimizer.get_updater(optimizer)(0, np.array([2.0]), weight)
    np.testing.assert_allclose(weight, 5.0 - step)


def test_gamma_does_not_decay() -> None:
    optimizer = mx.optimizer.LARS(wd=1.0, param_idx2name={0: "fc_weight", 1: "bn_gamma"})
    assert [optimizer._get_wd(index) for index in range(2)] == [1.0, 0.0]


@pytest.mark.parametrize(("corrected", "velocity"), [(True, -0.25), (False, -0.5)])
def test_the_correction_of_lars_follows_the_updates(corrected: bool, velocity: float) -> None:
    optimizer = mx.optimizer.LARS(momentum=0.5, momentum_correction=corrected, learning_rate=1.0)
    updater, weights = mx.optimizer.get_updater(optimizer), [np.zeros(1) for _ in range(6)]
    for rate, grad in ((1.0, 1.0), (0.5, 0.0)):
        optimizer.set_learning_rate(rate)
        for index, weight in enumerate(weights):  # every parameter, however many calls a step has
            updater(index, np.full(1, grad), weight)
    assert [updater.states[index].tolist() for index in range(6)] == [[velocity]] * 6


def test_after_a_rate_of_zero_there_is_nothing_to_correct() -> None:
    optimizer = mx.optimizer.LARS(momentum=0.5, learning_rate=1.0)
    update, weight = mx.optimizer.get_updater(optimizer), np.zeros(1)
    for rate in (0.0, 0.0, 1.0):
        optimizer.set_learning_rate(rate)
        update(0, np.ones(1), weight)
    assert weight.tolist() == [-1.0]


def test_the_sign_of_the_scale_does_not_enter_the_norms_of_lars() -> None:
    places = []
    for scale in (0.5, -0.5):
        weight, optimizer = np.array([5.0]), mx.optimizer.LARS(eta=0.1, wd=0.1, eps=1.0, rescale_grad=scale)
        optimizer.idx2name = {0: "fc_weight"}
        mx.optimizer.get_updater(optimizer)(0, np.array([2.0 / scale]), weight)
        places.append(weight.item())
    assert places[0] == places[1] < 5
