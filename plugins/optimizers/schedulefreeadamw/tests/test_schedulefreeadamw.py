"""Schedule-Free AdamW averages scaled steps, and decays at the point where gradients are taken."""

import numpy as np
import pytest

import mxcore as mx


def test_iterates_are_averaged_whatever_the_size_of_the_gradients() -> None:
    weight = np.zeros(2)
    update = mx.optimizer.get_updater(mx.optimizer.ScheduleFreeAdamW(1.0, beta1=0.75))
    for _ in range(4):
        update("w", np.array([1e-3, -1e3]), weight)
    average = update.evaluation_weights([weight], ["w"])[0]
    assert average == pytest.approx([-2.5, 2.5], rel=1e-4)
    assert weight == pytest.approx(0.75 * average + 0.25 * np.array([-4, 4]), rel=1e-4)


def test_decay_acts_on_the_training_weight_and_through_the_iterate() -> None:
    weight = np.full(1, 2.0)
    update = mx.optimizer.get_updater(mx.optimizer.ScheduleFreeAdamW(0.5, beta1=0.5, wd=0.5))
    update("weight", np.zeros(1), weight)  # everything is at 1.5 now
    assert weight.tolist() == [1.5]
    update("weight", np.zeros(1), weight)
    assert update.states["weight"][0].tolist() == [1.125]
    assert weight == pytest.approx(0.5 * (1.5 + 1.125) / 2 + 0.5 * 1.125)
