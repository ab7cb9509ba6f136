"""LBSGD steps once per batch of gradients, with a learning rate that warms up."""

import numpy as np
import pytest

import mxcore as mx


def test_nothing_moves_until_the_batch_is_complete() -> None:
    weight = np.zeros(1)
    update = mx.optimizer.get_updater(mx.optimizer.LBSGD(batch_scale=3, warmup_strategy="none", learning_rate=1.0))
    places = []
    for grad in (1.0, 2.0, 6.0):
        update(0, np.full(1, grad), weight)
        places.append(weight.item())
    assert places == [0.0, 0.0, -3.0]


@pytest.mark.parametrize(
    ("strategy", "factors"),
    [("linear", [2, 3]), ("power2", [1.5, 3]), ("sqrt", [1 + 2 * 0.5**0.5, 3]), ("none", [1, 3])],
)
def test_the_rate_warms_up_to_the_scale_of_the_batch(strategy: str, factors: list[float]) -> None:
    settings = {"warmup_strategy": strategy, "warmup_epochs": 2, "updates_per_epoch": 3, "batch_scale": 3}
    update, weight = mx.optimizer.get_updater(mx.optimizer.LBSGD(learning_rate=1.0, **settings)), np.zeros(1)
    places = [0.0]
    for _ in range(2):
        for _ in range(3):
            update(0, np.ones(1), weight)
        places.append(weight.item())
    np.testing.assert_allclose(-np.diff(places), factors)


def test_lars_takes_the_ratio_of_the_norms() -> None:
    weight = np.array([3.0, 4.0])
    mx.optimizer.get_updater(mx.optimizer.LBSGD(warmup_strategy="lars", learning_rate=0.1))(0, np.ones(2), weight)
    np.testing.assert_allclose(weight, np.array([3.0, 4.0]) - 0.1 * 5 / 2**0.5)


def test_lbsgd_resumes_in_the_middle_of_a_batch() -> None:
    def start() -> mx.optimizer.Updater:
        return mx.optimizer.get_updater(mx.optimizer.LBSGD(batch_scale=2, warmup_epochs=0, learning_rate=0.5))

    weight, first, second = np.zeros(1), start(), start()
    first(0, np.ones(1), weight)
    second.set_states(first.get_states())
    second(0, np.ones(1), weight)
    assert weight.tolist() == [-1.0]


def test_lbsgd_refuses_an_unknown_warm_up() -> None:
    with pytest.raises(ValueError, match=r"warmup_strategy must be one of 'linear', .*'none', got 'lineal'"):
        mx.optimizer.LBSGD(warmup_strategy="lineal")
