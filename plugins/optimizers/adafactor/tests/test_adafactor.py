"""Adafactor keeps means of rows and columns, and its steps follow the size of the weight."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize(
    ("shape", "kept"),
    [((), [()]), ((4,), [(4,)]), ((4, 3), [(4, 1), (1, 3)]), ((2, 4, 3), [(2, 4, 1), (2, 1, 3)])],
)
def test_what_is_kept_grows_with_rows_plus_columns(shape: tuple[int, ...], kept: list[tuple[int, ...]]) -> None:
    state = mx.optimizer.Adafactor().create_state(0, np.zeros(shape))
    assert [array.shape for array in (state if isinstance(state, tuple) else (state,))] == kept


def test_each_matrix_of_a_stack_has_its_own_moments_but_the_step_one_size() -> None:
    rng = np.random.default_rng(3)
    weight, grad = np.ones((2, 4, 3)), rng.standard_normal((2, 4, 3))
    stacked, single = (mx.optimizer.get_updater(mx.optimizer.Adafactor(clip_threshold=1e6)) for _ in range(2))
    parts = [part.copy() for part in weight]
    stacked(0, grad, weight)
    single([0, 1], list(grad), parts)
    np.testing.assert_allclose(weight, np.stack(parts))
    assert np.array_equal(stacked.states[0][0], np.stack([single.states[0][0], single.states[1][0]]))


def test_a_step_is_a_share_of_the_weight_and_clipped_in_its_root_mean_square() -> None:
    for size in (0.5, 200.0):
        weight = np.full((3, 4), size)
        grad = np.zeros((3, 4))
        grad[0, 0] = 1e6  # u is 1 there and 0 elsewhere, with a root mean square of 1 / sqrt(12)
        mx.optimizer.get_updater(mx.optimizer.Adafactor(0.01))(0, grad, weight)
        assert weight[0, 0] == pytest.approx(0.99 * size)
    weight, updater = np.ones(4), mx.optimizer.get_updater(mx.optimizer.Adafactor(1.0, beta2_decay=-1.0))
    updater(0, np.full(4, 1.0), weight)
    before = weight.copy()
    updater(0, np.full(4, 7.0), weight)  # V is the mean of 1 and 49, so that u is 1.4 without the bound
    np.testing.assert_allclose(before - weight, 1e-3 / 2**0.5, rtol=1e-12)
