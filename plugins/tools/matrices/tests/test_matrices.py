"""Products along axes undo each other, draws can be repeated, and a subclass only says what is its own."""

from typing import Any

import numpy as np
import pytest
from mxcore_matrices import Orthogonalized, divided, gram, multiplied, normal, within_range

import mxcore as mx


def test_products_along_the_axes_of_three_are_undone_by_their_inverses() -> None:
    rng = np.random.default_rng(3)
    array = rng.standard_normal((3, 4, 2))
    factors = {0: np.triu(rng.uniform(1, 2, (3, 3))), 1: rng.uniform(1, 2, 4)}
    product = multiplied(array, factors)
    np.testing.assert_allclose(product, np.einsum("ai,b,ibc->abc", factors[0], factors[1], array))
    np.testing.assert_allclose(
        multiplied(array, factors, transposed=True)[0, 0], factors[1][0] * factors[0][0, 0] * array[0, 0]
    )
    np.testing.assert_allclose(divided(product, factors), array)
    np.testing.assert_allclose(gram(array, 1), np.einsum("iaj,ibj->ab", array, array))
    np.testing.assert_allclose(gram(array, 1, diagonal=True), gram(array, 1).diagonal())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_sums_of_products_of_bounded_elements_are_finite(dtype: str) -> None:
    bounded = within_range(np.full((50, 70), np.inf), np.dtype(dtype))
    assert np.isfinite((bounded * bounded).sum().astype(dtype))


def test_draws_depend_on_the_seed_and_the_key() -> None:
    mx.random.seed(3)
    like = np.zeros(1, "float32")
    drawn = normal((4,), like, "a", 1)
    assert drawn.tobytes() == normal((4,), like, "a", 1).tobytes()
    assert not (normal((4,), like, "a", 2) == drawn).any()
    mx.random.seed(4)
    assert not (normal((4,), like, "a", 1) == drawn).any()


@mx.hyperparameters
class Raw(Orthogonalized):
    """Says what is orthogonalized, and nothing else."""

    default_learning_rate = 0.1

    def direction(self, grad: Any, *slots: Any) -> Any:
        return grad


@pytest.mark.parametrize(
    ("shape", "missing"), [((2, 2), "Raw must define step"), ((2,), "Raw must define update_other")]
)
def test_what_a_subclass_lacks_is_named(shape: Any, missing: str) -> None:
    with pytest.raises(NotImplementedError, match=missing):
        mx.optimizer.get_updater(Raw())(0, np.ones(shape), np.ones(shape))
