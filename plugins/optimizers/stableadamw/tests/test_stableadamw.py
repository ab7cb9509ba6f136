"""StableAdamW slows down a parameter whose gradient is larger than its second moment expects."""

import numpy as np
import pytest

import mxcore as mx


def second_steps(second: dict[str, list[float]]) -> dict[str, np.ndarray]:
    """Return the steps after gradients of 1, at a rate of 0.5, with no memory in the first moment."""
    optimizer = mx.optimizer.StableAdamW(0.5, beta1=0.0, beta2=0.5, epsilon=0.0, wd=0.0)
    update, weights = mx.optimizer.get_updater(optimizer), [np.zeros(len(grad)) for grad in second.values()]
    update(list(second), [np.ones_like(weight) for weight in weights], weights)
    before = [weight.copy() for weight in weights]
    update(list(second), list(map(np.array, second.values())), weights)
    return {name: new - old for name, new, old in zip(second, weights, before, strict=True)}


def test_a_surprise_in_one_element_shortens_the_steps_of_its_parameter_and_of_no_other() -> None:
    """The second decay is 1/3, so the second moments are 1 and 1/3 + 2/3 · 16 = 11."""
    steps = second_steps({"hurt": [1.0, 4.0], "sane": [1.0, -1.0]})
    rate = 0.5 / ((1 + 16 / 11) / 2) ** 0.5
    assert steps["hurt"] == pytest.approx([-rate, -rate * 4 / 11**0.5])
    assert steps["sane"] == pytest.approx([-0.5, 0.5])


def test_gradients_that_are_smaller_than_expected_do_not_lengthen_steps() -> None:
    assert second_steps({"weight": [0.5]})["weight"] == pytest.approx([-0.5 * 0.5 / 0.5**0.5])


def test_a_shorter_step_also_decays_less() -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.StableAdamW(0.5, beta2=0.5, wd=0.25)), np.zeros(2)
    update("weight", np.array([1.0, 1.0]), weight)
    weight[:] = 1e6  # so large that the step itself does not show
    update("weight", np.array([1.0, 4.0]), weight)
    assert 1 - weight / 1e6 == pytest.approx([0.125 / ((1 + 16 / 11) / 2) ** 0.5] * 2, rel=1e-4)
