"""NorMuon evens out the rows of what Muon would do, and keeps the norm."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def trained(name: str, grads: list[Any], weight: Any = None, **settings: Any) -> Any:
    weight = np.zeros_like(grads[0]) if weight is None else weight
    update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, wd=0.0, **settings))
    for grad in grads:
        update(0, grad, weight)
    return weight


def gradients(*shape: int, steps: int = 1) -> list[Any]:
    return list(np.random.default_rng(3).standard_normal((steps, *shape)))


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_the_first_step_has_rows_of_equal_size_and_the_norm_of_muons(shape: Any) -> None:
    muon, normuon = (trained(name, gradients(*shape)) for name in ("muon", "normuon"))
    rows = np.linalg.norm(normuon, axis=1)
    np.testing.assert_allclose(rows, rows[0], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(normuon), np.linalg.norm(muon), rtol=1e-5)
    assert np.ptp(np.linalg.norm(muon, axis=1)) > 0.01


def test_rows_that_were_large_take_smaller_steps_later() -> None:
    grads = [np.diag([1.0, 0.0]), np.ones((2, 2))]
    one, _ = (trained("normuon", grads[:n]) for n in (1, 2))
    step = trained("normuon", grads) - one
    assert abs(step[0]).max() < abs(step[1]).max()


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_the_root_mean_square_of_a_step_can_be_that_of_adamw(shape: Any) -> None:
    step = trained("normuon", gradients(*shape, steps=1), scale_mode="match_rms_adamw")
    np.testing.assert_allclose((step**2).mean() ** 0.5, 0.1 * 0.2, rtol=1e-5)


def test_it_keeps_a_number_for_each_row_of_a_matrix_and_adamws_moments_elsewhere() -> None:
    normuon = mx.optimizer.NorMuon(flatten=True, exclude=["embed"], param_idx2name={1: "embed_weight"})
    shapes = [[one.shape for one in normuon.create_state(index, np.zeros((4, 2, 3)))] for index in (0, 1)]
    assert shapes == [[(4, 2, 3), (4, 1)], [(4, 2, 3), (4, 2, 3)]]
