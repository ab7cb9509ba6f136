"""MoMo steps to where its model of the loss reaches the bound, and needs the loss of every update."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def started(**settings: Any) -> mx.optimizer.Updater:
    return mx.optimizer.get_updater(mx.optimizer.MoMo(**settings))


@pytest.mark.parametrize(("rate", "wanted"), [(1.0, 0.5), (0.3, 0.3)])
def test_without_momentum_it_is_the_step_of_polyak_up_to_the_learning_rate(rate: float, wanted: float) -> None:
    update, weight = started(learning_rate=rate, beta=0.0, lower_bound=1.0), np.array([3.0, 4.0])
    update.optimizer.observe(13.5)
    update("w", np.array([3.0, 4.0]), weight)  # (13.5 - 1) / 25
    np.testing.assert_allclose(weight, (1 - wanted) * np.array([3.0, 4.0]))


def test_with_multipliers_and_weight_decay_the_model_is_at_its_bound_after_a_step() -> None:
    update = started(learning_rate=5.0, wd=0.1, lower_bound=0.25)
    update.optimizer.set_lr_mult({"a_weight": 0.5, "b_weight": 3.0})
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=3), rng.normal(size=4), rng.normal(size=2)]
    for loss in (1.0, 1.5, 0.8):
        update.optimizer.observe(loss)
        update(["a_weight", "b_weight", "c_bias"], [rng.normal(size=one.shape) for one in weights], weights)
        at, means = update.optimizer.model_numbers, update.states.values()
        model = sum(float(mean @ weight) for mean, weight in zip(means, weights, strict=True))
        assert at["loss_mean"] - at["product"] + model == pytest.approx(0.25)


def test_the_estimated_bound_is_never_below_the_given_one() -> None:
    update, weight = started(adapt_lower_bound=True, lower_bound=-1.0), np.array([2.0, 1.0])
    bounds = []
    for _ in range(200):
        update.optimizer.observe(float(weight @ weight) + 3.0)
        update("w", 2 * weight, weight)
        bounds.append(update.optimizer.model_numbers["bound"])
    assert min(bounds) >= -1
    assert bounds[-1] == pytest.approx(3.0, abs=0.1)  # the least value


def test_an_update_without_a_loss_of_its_own_changes_nothing() -> None:
    update, weight = started(), np.ones(2)
    with pytest.raises(ValueError, match=r"update 1 needs its loss: call optimizer\.observe\(loss\) before each"):
        update("w", np.ones(2), weight)
    assert (weight.tolist(), dict(update.states), update.optimizer.num_update) == ([1, 1], {}, 0)
    update.optimizer.observe(1.0)
    update("w", np.ones(2), weight)
    before = weight.copy()
    with pytest.raises(ValueError, match="update 2 needs its loss"):
        update("w", np.ones(2), weight)
    update.optimizer.observe(float("nan"))
    with pytest.raises(ValueError, match="the loss of update 2 must be finite, got nan"):
        update("w", np.ones(2), weight)
    assert weight.tolist() == before.tolist()
    assert update.optimizer.model_numbers["loss_mean"] == 1.0


def test_what_was_observed_is_saved_between_observing_and_updating() -> None:
    first, again = started(), started()
    weight = np.array([1.0, -2.0])
    for loss in (3.0, 2.0):
        first.optimizer.observe(loss)
        first("w", weight.copy(), weight)
    first.optimizer.observe(1.5)
    again.set_states(first.get_states())
    mine, theirs = weight.copy(), weight.copy()
    first("w", np.ones(2), mine)
    again("w", np.ones(2), theirs)
    assert theirs.tobytes() == mine.tobytes()
    assert first.optimizer.model_numbers == again.optimizer.model_numbers


@pytest.mark.parametrize("optimizer", ["lookahead(momo)", "average(cautious(momo))"])
def test_wrappers_pass_the_loss_on(optimizer: str) -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create(optimizer))
    update.optimizer.observe(2.5)
    update("w", np.ones(2), np.ones(2))
    assert [value for name, value in update.optimizer.model_numbers.items() if "loss_mean" in name] == [2.5]


def test_an_update_from_several_batches_has_the_mean_of_their_losses() -> None:
    update, weight = started(accumulate=2), np.ones(2)
    for loss in (1.0, 4.0):
        update.optimizer.observe(loss)
        update("w", np.ones(2), weight)
    assert update.optimizer.model_numbers["loss_mean"] == 2.5


def test_minimize_tells_the_values() -> None:
    result = mx.minimize(lambda x: (float(x @ x), 2 * x), [3.0, -4.0], "momo", beta=0.5, gtol=1e-6)
    assert result.success
    assert result.nit < 200
