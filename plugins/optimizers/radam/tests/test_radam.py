"""RAdam's first steps are momentum's, and later ones Adam's with a factor."""

import numpy as np
import pytest

import mxcore as mx


def steps(count: int, **settings: float) -> list[float]:
    """Return the sizes of the steps along a constant gradient of 4."""
    update, weight, found = mx.optimizer.get_updater(mx.optimizer.RAdam(0.1, **settings)), np.zeros(1), []
    for _ in range(count):
        before = weight.copy()
        update(0, np.full(1, 4.0), weight)
        found.append((before - weight).item())
    return found


def test_the_variance_is_used_from_the_sixth_step_on() -> None:
    found = steps(6)
    assert found[:5] == pytest.approx([0.4] * 5)
    assert found[5] < 0.01
    assert steps(2000, beta2=0.99)[-1] == pytest.approx(0.1)  # the factor has become 1


def test_a_variance_with_a_short_memory_is_never_used() -> None:
    for beta2 in (0.0, 0.6, 2 / 3):
        assert steps(50, beta2=beta2) == pytest.approx([0.4] * 50)


def test_decoupled_decay_is_a_share_of_the_weight_and_can_be_switched() -> None:
    optimizer = mx.optimizer.RAdam(0.5, wd=0.5, decoupled_wd=True)
    weight, update = np.full(1, 2.0), mx.optimizer.get_updater(optimizer)
    update(0, np.zeros(1), weight)
    assert weight.tolist() == [1.5]
    assert [one.tolist() for one in update.states[0]] == [[0.0], [0.0]]
    optimizer.decoupled_wd = False
    update(0, np.zeros(1), weight)
    assert update.states[0][0] == pytest.approx(0.1 * 0.5 * 1.5)
    with pytest.raises(ValueError, match="groups cannot set it"):
        mx.optimizer.RAdam(groups={".*": {"decoupled_wd": True}})
