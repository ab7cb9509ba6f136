"""AggMo takes the mean of several velocities."""

import numpy as np
import pytest

import mxcore as mx


def walk(grads: list[float], **settings: float | None) -> list[float]:
    """Return where these gradients lead from 0, at a learning rate of 3."""
    weight, update = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.AggMo(learning_rate=3.0, **settings))
    for grad in grads:
        update(0, np.full(1, grad), weight)
    return weight.tolist()


def test_with_one_decay_it_is_sgd_with_momentum() -> None:
    assert walk([1.0, -2.0], beta1=0.9, beta2=None, beta3=None) == pytest.approx([-3 * (1 + 0.9 - 2)])


def test_each_velocity_counts_equally() -> None:
    assert walk([1.0, 0.0], beta1=0.5, beta2=0.5, beta3=0.0) == pytest.approx([-3 - 2 * 0.5])


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, ["velocity2", "velocity3"]),
        ({"beta2": None, "beta3": 0.0}, []),
        ({"beta1": 0.5, "beta2": None, "beta3": None, "beta4": 0.999}, ["velocity1", "velocity4"]),
    ],
)
def test_it_keeps_what_has_a_decay(settings: dict[str, float | None], kept: list[str]) -> None:
    assert [slot.name for slot in mx.optimizer.AggMo(**settings).state_slots()] == kept
