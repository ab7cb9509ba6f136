"""Prodigy finds the size of its steps: it estimates the distance to the solution, for all parameters together."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def minimized(steps: int, scale: float, **settings: Any) -> tuple[float, list[Any]]:
    """Return d, and weights after some steps down a bowl around 0 that begin at ``scale``."""
    update = mx.optimizer.get_updater(mx.optimizer.create("prodigy", **settings))
    weights = [np.full(3, scale), np.full(2, -scale)]
    for _ in range(steps):
        update([0, 1], list(map(np.sign, weights)), weights)
    return update.optimizer.model_numbers["d"], weights


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_d_becomes_of_the_order_of_the_distance_without_tuning(scale: float) -> None:
    d, weights = minimized(1000, scale)
    assert 0.1 * scale < d < 10 * scale
    assert np.abs(np.concatenate(weights)).max() < 0.2 * scale


def test_d_never_shrinks_and_grows_within_its_bound() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Prodigy(growth_rate=1.5, d0=1e-3))
    weight, seen = np.ones(3), [1e-3]
    for _ in range(30):
        update(0, np.sign(weight), weight)
        seen.append(update.optimizer.model_numbers["d"])
    ratios = np.divide(seen[3:], seen[2:-1])  # the first estimate, from the second update, may be anything
    assert ratios.min() >= 1
    assert 1.4 < ratios.max() <= 1.5 + 1e-12


def test_a_parameter_with_a_multiplier_of_zero_takes_no_part() -> None:
    alone, beside = (mx.optimizer.get_updater(mx.optimizer.Prodigy(d0=1e-2)) for _ in range(2))
    beside.optimizer.set_lr_mult({"frozen": 0})
    weight, other, frozen = np.ones(3), np.ones(3), np.ones(5)
    for step in range(1, 20):
        alone("free", step * weight, weight)
        beside(["free", "frozen"], [step * other, np.full(5, 7.0 * step)], [other, frozen])
    assert alone.tally.model_numbers == beside.tally.model_numbers
    assert other.tolist() == weight.tolist()
    assert frozen.tolist() == [1] * 5


def test_d0_cannot_change_once_there_is_a_d() -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.Prodigy()), np.ones(1)
    update(0, np.ones(1), weight)
    with pytest.raises(ValueError, match="d0 determines which state is kept"):
        update.optimizer.d0 = 1e-3
