"""AdaMuon scales each element of what Muon would do, and does not mind the size of rare gradients."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def steps(grads: list[Any], **settings: Any) -> list[Any]:
    """Return what each update subtracts, at a learning rate of 1."""
    weight, found = np.zeros_like(grads[0]), []
    update = mx.optimizer.get_updater(mx.optimizer.AdaMuon(1.0, wd=0.0, **settings))
    for grad in grads:
        before = weight.copy()
        update(0, grad, weight)
        found.append(before - weight)
    return found


GRADS = list(np.random.default_rng(3).standard_normal((4, 4, 6)))


def test_the_first_step_has_elements_of_one_size_and_the_root_mean_square_of_every_step_is_that_of_adamw() -> None:
    first, *others = steps(GRADS)
    np.testing.assert_allclose(abs(first), 0.2, rtol=1e-4)
    for step in others:
        assert np.ptp(abs(step)) > 0.01
        np.testing.assert_allclose((step**2).mean() ** 0.5, 0.2, rtol=1e-6)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (4, 2, 3)])
def test_original_steps_are_as_large_as_those_of_orthogonal_matrices(shape: Any) -> None:
    (step,) = steps([GRADS[0].reshape(shape)], scale_mode="original", flatten=True)
    np.testing.assert_allclose(np.linalg.norm(step), shape[0] ** 0.5, rtol=1e-6)


def test_signs_make_steps_independent_of_the_sizes_of_elements() -> None:
    sizes = np.random.default_rng(4).uniform(1, 100, (4, 6))
    plain, scaled = (steps([GRADS[0] * size]) for size in (1, sizes))
    assert plain[0].tobytes() == scaled[0].tobytes()
    plain, scaled = (steps([GRADS[0] * size], sign=False) for size in (1, sizes))
    assert not np.allclose(plain[0], scaled[0], rtol=0.01)
