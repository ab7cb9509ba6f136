"""D-Adaptation finds the size of its steps: it estimates the distance to the solution, for all parameters together."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_d_grows_to_the_order_of_the_distance_without_tuning(scale: float) -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("dadaptadam"))
    weights = [np.full(3, scale), np.full(2, -scale)]
    seen = []
    for _ in range(300):
        update([0, 1], list(map(np.sign, weights)), weights)
        seen.append(update.optimizer.model_numbers["d"])
    assert (np.diff(seen) >= 0).all()
    assert 0.1 * scale < seen[-1] < 10 * scale


def test_the_new_d_applies_from_the_next_update_on() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.DAdaptAdam(d0=0.5, beta1=0.0, beta2=0.25))
    weight, numbers = np.zeros(1), update.optimizer.model_numbers
    update(0, np.array([2.0]), weight)
    # The first step is d0 · 2 / sqrt(0.75 · 2²); the sums are still 0, so d stays.
    assert weight[0] == pytest.approx(-1 / 3**0.5)
    assert numbers["d"] == 0.5
    update(0, np.array([2.0]), weight)
    assert weight[0] == pytest.approx(-1 / 3**0.5 - 1 / (0.25 * 3 + 3) ** 0.5)
    # num is half of 1 · 0.5 / sqrt(3); the bound on d is that over half of 0.75.
    assert numbers["num"] == pytest.approx(0.25 / 3**0.5)
    assert numbers["d"] == pytest.approx(max(0.5, 0.25 / 3**0.5 / 0.375))


def test_a_parameter_with_a_multiplier_of_zero_takes_no_part() -> None:
    alone, beside = (mx.optimizer.get_updater(mx.optimizer.DAdaptAdam(d0=1e-2)) for _ in range(2))
    beside.optimizer.set_lr_mult({"frozen": 0})
    weight, other, frozen = np.ones(3), np.ones(3), np.ones(5)
    for step in range(1, 20):
        alone("free", step * weight, weight)
        beside(["free", "frozen"], [step * other, np.full(5, 7.0 * step)], [other, frozen])
    assert alone.tally.model_numbers == beside.tally.model_numbers
    assert other.tolist() == weight.tolist()
    assert frozen.tolist() == [1] * 5
