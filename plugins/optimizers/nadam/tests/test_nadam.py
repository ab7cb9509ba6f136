"""Nadam's momentum schedule belongs to each parameter."""

import numpy as np
import pytest

import mxcore as mx


def test_the_schedule_of_nadam_is_per_parameter() -> None:
    alone, beside, other = np.ones(2), np.ones(2), np.ones(2)
    one, two = (mx.optimizer.get_updater(mx.optimizer.Nadam(0.1)) for _ in range(2))
    for grad in (np.array([1.0, -2.0]), np.array([0.5, 3.0])):
        one(0, grad, alone)
        two([0, 1], [grad, grad], [beside, other])
    assert alone.tobytes() == beside.tobytes() == other.tobytes()


def test_the_product_of_the_momenta_is_a_number_for_each_parameter() -> None:
    updater = mx.optimizer.get_updater(mx.optimizer.Nadam(beta1=0.5, schedule_decay=0.0))
    weight = np.ones(2)
    for _ in range(3):
        updater("w", np.ones(2), weight)
    assert updater.optimizer.host_numbers == {"w": {"product": 0.25**3}}


def test_decay_passes_through_the_moments_or_not() -> None:
    weight, updater = np.full(1, 2.0), mx.optimizer.get_updater(mx.optimizer.Nadam(0.5, wd=0.5, decoupled_wd=True))
    updater(0, np.zeros(1), weight)
    assert weight.tolist() == [1.5]
    assert [one.tolist() for one in updater.states[0]] == [[0.0], [0.0]]
    updater.optimizer.decoupled_wd = False
    updater(0, np.zeros(1), weight)
    assert updater.states[0][0] == pytest.approx(0.1 * 0.5 * 1.5)
