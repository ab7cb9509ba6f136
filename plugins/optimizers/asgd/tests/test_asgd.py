"""ASGD's steps decay, and so do its weights; averaging begins after t0 updates."""

import numpy as np
import pytest

import mxcore as mx


def test_steps_and_weights_decay_by_lambd() -> None:
    weight, update = np.full(1, 2.0), mx.optimizer.get_updater(mx.optimizer.ASGD(0.5, lambd=1.0, alpha=1.0))
    update("bias", np.ones(1), weight)  # with a step of 0.5
    assert weight.tolist() == [2 * (1 - 0.5) - 0.5]
    update("bias", np.ones(1), weight)  # with one of 0.5 / (1 + 0.5)
    assert weight == pytest.approx(0.5 * (1 - 1 / 3) - 1 / 3)


def test_the_average_is_the_weight_until_averaging_begins() -> None:
    weight, update = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.ASGD(1.0, lambd=0.0, t0=2.0))
    seen = []
    for _ in range(6):
        update(0, np.full(1, -1.0), weight)
        seen.append(update.evaluation_weights([weight])[0].item())
    assert seen == [1.0, 2.0, 3.0, 4.0, 4.5, 5.0]
