"""DoG moves by the distance it has covered, over the gradients it has seen, of the model or of each parameter."""

import numpy as np
import pytest

import mxcore as mx


def test_the_rate_is_the_largest_distance_so_far_over_the_root_of_the_sum_of_squares() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.DoG(reps_rel=0.5, epsilon=0.0))
    weights = [np.array([0.0]), np.array([3.0])]
    update(["a", "b"], [np.array([3.0]), np.array([4.0])], weights)  # 0.5 · (1 + 3) over 5
    np.testing.assert_allclose(weights, [[-1.2], [1.4]])
    update(["a", "b"], [np.array([-12.0]), np.zeros(1)], weights)  # as far as the first distance, 2, over 13
    np.testing.assert_allclose(weights, [[-1.2 + 2 / 13 * 12], [1.4]])
    assert update.optimizer.model_numbers == {"distance": pytest.approx(2.0), "squares": 169.0}


def test_with_a_granularity_of_parameters_each_has_a_rate_of_its_own() -> None:
    together = mx.optimizer.get_updater(mx.optimizer.DoG(reps_rel=0.1, granularity="parameter"))
    alone = [mx.optimizer.get_updater(mx.optimizer.DoG(reps_rel=0.1)) for _ in range(2)]
    some, others = ([np.full(2, 3.0), np.full(3, 0.5)] for _ in range(2))
    for _ in range(5):
        together([0, 1], [2 * some[0], 100 * some[1]], some)
        for index, (updater, factor) in enumerate(zip(alone, (2, 100), strict=True)):
            updater(index, factor * others[index], others[index])
    assert [one.tolist() for one in some] == [one.tolist() for one in others]
    assert not together.optimizer.model_numbers


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_steps_do_not_depend_on_the_scale_of_the_gradients(scale: float) -> None:
    found = []
    for factor in (1.0, scale):
        update, weight = mx.optimizer.get_updater(mx.optimizer.DoG(epsilon=0.0)), np.array([1.0, -2.0])
        for _ in range(20):
            update("w", factor * weight, weight)
        found.append(weight)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


def test_a_first_gradient_of_zero_does_not_stop_it() -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.DoG(reps_rel=0.1)), np.ones(4)
    update("w", np.zeros(4), weight)
    update("w", np.ones(4), weight)
    np.testing.assert_allclose(weight, 1 - 0.1 * 3 / 2)
