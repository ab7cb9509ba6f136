"""Kron whitens gradients, at the frequency that it is told, and draws the same numbers again when it is resumed."""

from typing import Any

import numpy as np
import pytest
from mxcore_optimizer_kron.factors import followed

import mxcore as mx


def trained(steps: int, shape: Any = (4, 3), name: str = "fc_weight", **settings: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    weight, updater = (
        np.zeros(shape),
        mx.optimizer.get_updater(mx.optimizer.Kron(0.1, param_idx2name={0: name}, **settings)),
    )
    for _ in range(steps):
        updater(0, rng.standard_normal(shape), weight)
    return weight, updater


@pytest.mark.parametrize("is_diagonal", [False, True])
def test_preconditioned_gradients_are_nearly_white(is_diagonal: bool) -> None:
    rng = np.random.default_rng(3)
    spread = [np.diag([10.0, 1.0, 0.1])] * 2 if is_diagonal else [rng.standard_normal((3, 3)) for _ in range(2)]
    factors = {axis: np.ones(3) if is_diagonal else np.eye(3) for axis in range(2)}
    for _ in range(3000):
        grad = spread[0] @ rng.standard_normal((3, 3)) @ spread[1]
        factors = followed(factors, grad, rng.standard_normal((3, 3)), 0.02)
    found = [np.diag(q) if is_diagonal else q for q in factors.values()]
    assert all((np.triu(q) == q).all() for q in found)
    assert np.isclose(*(abs(q).max() for q in found))  # kept equally large
    white = np.kron(*(q.T @ q @ one for q, one in zip(found, [spread[0], spread[1].T], strict=True)))
    np.testing.assert_allclose(white @ white.T, np.eye(9), atol=0.6)  # it was up to 10 000


def test_factors_follow_as_often_as_they_are_told() -> None:
    def changes(**settings: Any) -> int:
        updater, count, before = trained(1, **settings)[1], 0, None
        for step in range(60):
            updater(0, np.random.default_rng(step).standard_normal((4, 3)), np.zeros((4, 3)))
            now = updater.states[0][1].tobytes()
            count, before = count + (now != before), now
        return count - 1

    assert changes(update_probability=0.0) == 0
    assert changes(update_probability=1.0) == changes() == 59  # by default always, in the first 500
    assert 15 < changes(update_probability=0.5) < 45
    assert 15 < changes(update_probability=lambda t: 1.0 if t < 30 else 0.0) < 45


def test_noise_depends_on_seed_and_name() -> None:
    one, same, other = (trained(3, name=name)[0] for name in ("a_weight", "a_weight", "b_weight"))
    mx.random.seed(5)
    seeded = trained(3, name="a_weight")[0]
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() not in (other.tobytes(), seeded.tobytes())


def test_gradients_of_zero_leave_the_factors_as_they_are() -> None:
    _, updater = trained(1)
    updater.optimizer.momentum = 0.0
    before = [q.copy() for q in updater.states[0][1:]]
    updater(0, np.zeros((4, 3)), np.zeros((4, 3)))
    for q, old in zip(updater.states[0][1:], before, strict=True):
        np.testing.assert_allclose(q, old, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "longest", "kept"),
    [
        ((4, 3), 8192, [(4, 4), (3, 3)]),
        ((4, 3), 3, [(4,), (3, 3)]),
        ((1, 3), 9, [(1,), (3, 3)]),
        ((4,), 9, [(4,)]),
        ((), 9, [(1,)]),
    ],
)
def test_long_axes_and_vectors_have_diagonal_factors(shape: Any, longest: int, kept: Any) -> None:
    m, *factors = trained(2, shape, max_size_triangular=longest)[1].states[0]
    assert m.shape == shape
    assert [q.shape for q in factors] == kept
