"""The arithmetic, step by step, and a law that it obeys."""

import mxcore as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def trajectory(gradients: list[float], **hyperparameters: float) -> list[float]:
    """Return the weight after each update, starting from 1."""
    weight = np.ones(1)
    update = mx.optimizer.get_updater(mx.optimizer.create("{{ cookiecutter.name }}", **hyperparameters))
    path = []
    for gradient in gradients:
        update("weight", np.full(1, gradient), weight)
        path.append(weight.item())
    return path


# Edit here (3 of 7): a few steps computed by hand, and a property that holds for all gradients.
def test_a_golden_trajectory() -> None:
    """The mean is 1, 0.5, -0.75; the steps are 0.5 times 1.5, 0.25, -1.375."""
    assert trajectory([2.0, 0.0, -2.0], learning_rate=0.5, beta=0.5, nu=0.5) == [0.25, 0.125, 0.8125]
    assert trajectory([2.0, 0.0], learning_rate=0.5, beta=0.75, nu=0.25) == [0.1875, 0.140625]


@settings(deadline=None)
@given(st.lists(st.floats(-8, 8), min_size=1, max_size=6), st.floats(0, 0.99))
def test_without_nu_it_is_gradient_descent(gradients: list[float], beta: float) -> None:
    path = trajectory(gradients, learning_rate=0.25, beta=beta, nu=0.0)
    np.testing.assert_allclose(path, 1 - 0.25 * np.cumsum(gradients), atol=1e-12)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nu must be in \[0, 1\], got 1\.5"):
        mx.optimizer.create("{{ cookiecutter.name }}", nu=1.5)
