"""AdEMAMix remembers old gradients in a second mean, which a warm-up introduces."""

import numpy as np
import pytest

import mxcore as mx


def test_an_old_gradient_still_moves_weights() -> None:
    weight, update = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.AdEMAMix(0.1, beta3=0.999))
    update(0, np.ones(1), weight)
    for _ in range(300):  # by then the fast mean is 0.9**300
        before = weight.copy()
        update(0, np.zeros(1), weight)
    scale = (0.001 * 0.999**300 / (1 - 0.999**301)) ** 0.5
    assert (before - weight).item() == pytest.approx(0.1 * 5 * 0.001 * 0.999**300 / scale)


def test_the_warm_up_goes_from_the_fast_mean_to_the_slow_one() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.AdEMAMix(0.1, beta3=0.99, warmup_steps=1000))
    seen = []
    for _ in range(1001):
        slow = update.states[0][2].copy() if update.states else np.zeros(1)
        update(0, np.ones(1), np.zeros(1))
        seen.append(((1 - update.states[0][2]) / (1 - slow)).item())  # the decay in this update
    assert seen[0] == pytest.approx(0.9, abs=1e-3)
    assert seen[499] == pytest.approx(np.exp(2 / (1 / np.log(0.9) + 1 / np.log(0.99))), rel=1e-3)
    assert np.diff(seen[:900]).min() > 0


@pytest.mark.parametrize("betas", [{"beta1": 0.0}, {"beta3": 0.0}])
def test_a_warm_up_between_extreme_decays_stays_finite(betas: dict[str, float]) -> None:
    weight, update = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.AdEMAMix(0.1, warmup_steps=2, **betas))
    for _ in range(4):
        update(0, np.ones(1), weight)
    assert -5 < weight.item() < 0
