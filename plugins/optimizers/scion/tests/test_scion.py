"""Each kind of parameter takes steps of a fixed size in its own norm, and constrained weights stay in its ball."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx

NAMES = {0: "fc_weight", 1: "conv_weight", 2: "head_weight", 3: "fc_bias"}
SHAPES = [(4, 6), (4, 2, 3), (2, 5), (5,)]
EXACT = {"ns_steps": 20, "ns_coefficients": (2.0, -1.5, 0.5)}  # all singular values become 1


def arrays(step: int, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng(step)
    return [size * rng.standard_normal(shape) for shape in SHAPES]


def norms(fc: Any, conv: Any, head: Any, bias: Any) -> list[float]:
    """Return the norms in which steps have a fixed size."""
    return [
        np.linalg.norm(fc, 2) * (6 / 4) ** 0.5,
        np.linalg.norm(conv.reshape(4, 6), 2) * 3 * (2 / 4) ** 0.5,
        abs(head).max() * 5,
        (bias**2).mean() ** 0.5,
    ]


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_step_has_the_radius_whatever_the_gradient(size: float) -> None:
    weights = [np.zeros(shape) for shape in SHAPES]
    scion = mx.optimizer.Scion(0.1, radius=2.0, sign_radius=6.0, exclude=["head"], param_idx2name=NAMES, **EXACT)
    mx.optimizer.get_updater(scion)(list(NAMES), arrays(1, size), weights)
    np.testing.assert_allclose(norms(*weights), [0.2, 0.2, 0.6, 0.2], rtol=1e-3)


def test_constrained_weights_shrink_into_the_ball_and_stay_there() -> None:
    weights = arrays(0, 100.0)
    scion = mx.optimizer.Scion(
        0.2, constrained=True, radius=2.0, sign_radius=6.0, exclude=["head"], param_idx2name=NAMES, **EXACT
    )
    update = mx.optimizer.get_updater(scion)
    for step in range(1, 81):
        update(list(NAMES), arrays(step), weights)
    assert (np.array(norms(*weights)) < [2.001, 2.001, 6.001, 2.001]).all()


def test_without_flatten_kernels_are_updated_by_their_signs() -> None:
    weight, grad = np.zeros((4, 2, 3)), arrays(1)[1]
    mx.optimizer.get_updater(mx.optimizer.Scion(0.1, flatten=False, sign_radius=6.0))(0, grad, weight)
    np.testing.assert_allclose(weight, -0.1 * np.sign(grad))
