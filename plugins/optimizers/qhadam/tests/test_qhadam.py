"""QHAdam mixes the moments with the current gradient."""

import numpy as np
import pytest

import mxcore as mx


def steps(grads: list[float], **settings: float) -> list[float]:
    weight, update, found = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.QHAdam(1.0, **settings)), []
    for grad in grads:
        before = weight.copy()
        update(0, np.full(1, grad), weight)
        found.append((before - weight).item())
    return found


def test_without_shares_of_the_moments_only_signs_count() -> None:
    assert steps([1.0, -5.0, 0.1], nu1=0.0, nu2=0.0) == pytest.approx([1, -1, 1], rel=1e-6)


def test_each_share_mixes_its_moment_with_the_gradient() -> None:
    mean, variance = (0.25 * 1 + 0.5 * 3) / 0.75, (0.25 * 1 + 0.5 * 9) / 0.75
    wanted = (0.3 * 3 + 0.7 * mean) / (0.6 * 9 + 0.4 * variance) ** 0.5
    assert steps([1.0, 3.0], beta1=0.5, beta2=0.5, nu1=0.7, nu2=0.4)[1] == pytest.approx(wanted)
