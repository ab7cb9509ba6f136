"""AdaGrad accumulates every gradient, without the weight decay."""

import numpy as np

import mxcore as mx


def test_the_same_gradient_makes_ever_smaller_steps() -> None:
    weight, places = np.zeros(1), []
    update = mx.optimizer.get_updater(mx.optimizer.AdaGrad(eps=0.0, learning_rate=1.0))
    for _ in range(3):
        update(0, np.full(1, 5.0), weight)
        places.append(weight.item())
    np.testing.assert_allclose(np.diff(places, prepend=0.0), [-1, -(2**-0.5), -(3**-0.5)])


def test_weight_decay_stays_out_of_the_history() -> None:
    weight, updater = np.ones(1), mx.optimizer.get_updater(mx.optimizer.AdaGrad(wd=0.5, learning_rate=0.5))
    updater(0, np.zeros(1), weight)
    assert (weight.tolist(), updater.states[0].tolist()) == ([0.75], [0.0])


def test_the_eps_of_adagrad_is_called_as_it_is_given() -> None:
    optimizer = mx.optimizer.AdaGrad(eps=0.5)
    assert optimizer.eps == 0.5
    assert not hasattr(optimizer, "float_stable_eps")
