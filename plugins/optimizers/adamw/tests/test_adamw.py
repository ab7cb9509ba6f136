"""AdamW's decay does not enter its moments, and is on by default."""

import numpy as np

import mxcore as mx


def test_the_decay_of_adamw_is_a_share_of_the_weight() -> None:
    weight, updater = np.full(1, 2.0), mx.optimizer.get_updater(mx.optimizer.AdamW(0.5, wd=0.5))
    updater(0, np.zeros(1), weight)
    assert weight.tolist() == [1.5]
    assert [array.tolist() for array in updater.states[0]] == [[0.0], [0.0]]


def test_biases_are_spared() -> None:
    optimizer = mx.optimizer.AdamW(param_idx2name={0: "fc_weight", 1: "fc_bias"})
    assert [optimizer._get_wd(index) for index in range(2)] == [0.01, 0.0]


def test_amsgrad_never_takes_a_longer_step_again() -> None:
    weight, steps = np.zeros(1), []
    update = mx.optimizer.get_updater(mx.optimizer.AdamW(0.1, beta1=0.0, beta2=0.5, amsgrad=True, wd=0.0))
    for grad in (10.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        before = weight.copy()
        update(0, np.full(1, grad), weight)
        steps.append((before - weight).item())
    assert max(steps[1:]) < 0.1 * 0.2
