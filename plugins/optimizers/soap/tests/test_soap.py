"""SOAP is Adam where it has no basis, does not mind rotations where it has one, and starts by only looking."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def gradients(*shape: int) -> list[Any]:
    return list(np.random.default_rng(3).standard_normal((6, *shape)))


def trained(optimizer: Any, grads: list[Any]) -> Any:
    weight, update = np.zeros_like(grads[0]), mx.optimizer.get_updater(optimizer)
    for grad in grads:
        update(0, grad, weight)
    return weight


def test_without_a_basis_it_is_adam_one_update_late() -> None:
    grads = gradients(5)
    soap = trained(mx.optimizer.SOAP(0.1, beta1=0.9, beta2=0.99, wd=0.0), grads)
    adamw = trained(mx.optimizer.AdamW(0.1, beta1=0.9, beta2=0.99, epsilon=1e-8, wd=0.0), grads[1:])
    np.testing.assert_allclose(soap, adamw, rtol=1e-6)


def test_rotating_the_gradients_rotates_the_weights() -> None:
    grads = gradients(4, 3)
    left, right = (np.linalg.qr(np.random.default_rng(n).standard_normal((n, n)))[0] for n in (4, 3))
    settings = {"learning_rate": 0.1, "precondition_frequency": 2}
    # The first gradient has no null space of two dimensions, in which the basis would be arbitrary.
    plain = trained(mx.optimizer.SOAP(**settings), grads)
    rotated = trained(mx.optimizer.SOAP(**settings), [left @ grad @ right for grad in grads])
    np.testing.assert_allclose(rotated, left @ plain @ right, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "settings", "kept"),
    [
        ((4, 3), {}, [(4, 4), (3, 3)]),
        ((4, 3), {"max_precondition_dim": 3}, [(3, 3)]),
        ((4,), {}, []),
        ((4,), {"precondition_1d": True}, [(4, 4)]),
        ((2, 3, 5), {}, [(2, 2), (3, 3), (5, 5)]),
    ],
)
def test_each_axis_that_is_not_too_long_has_a_basis(shape: Any, settings: Any, kept: list[Any]) -> None:
    m, v, *matrices = mx.optimizer.SOAP(**settings).create_state(0, np.zeros(shape))
    assert m.shape == v.shape == shape
    assert [matrix.shape for matrix in matrices] == [*kept, *kept]


def test_the_first_update_only_finds_the_basis() -> None:
    weight, grad = np.ones((2, 2)), np.array([[3.0, 0.0], [0.0, 5.0]])
    updater = mx.optimizer.get_updater(mx.optimizer.SOAP(0.1, wd=0.5))
    updater(0, grad, weight)
    assert weight.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert abs(updater.states[0][-1]).tolist() == [[0.0, 1.0], [1.0, 0.0]]  # by descending eigenvalue
