"""APOLLO keeps Adam's moments in few dimensions, and scales rows or columns of the gradient by what they say."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def gradients(*shape: int, steps: int = 6) -> list[Any]:
    return list(np.random.default_rng(3).standard_normal((steps, *shape)))


def trained(grads: list[Any], **settings: Any) -> tuple[Any, Any]:
    weight, updater = np.zeros_like(grads[0]), mx.optimizer.get_updater(mx.optimizer.APOLLO(0.1, **settings))
    for grad in grads:
        updater(0, grad, weight)
    return weight, updater.states[0]


def transcript(grads: list[Any], projections: list[Any], scale_type: str, scale: float) -> Any:
    """Return the weights after the algorithm of the paper, for matrices with no more rows than columns."""
    weight, m, v, before = 0, 0, 0, None
    for t, (grad, p) in enumerate(zip(grads, projections, strict=True), 1):
        r = p @ grad
        m, v = 0.9 * m + 0.1 * r, 0.999 * v + 0.001 * r**2
        u = m / (v**0.5 + 1e-6)
        axis = 0 if scale_type == "channel" else None
        update = grad * (np.linalg.norm(u, axis=axis) / (np.linalg.norm(r, axis=axis) + 1e-8))
        if before is not None and np.linalg.norm(update) / (before + 1e-8) > 1.01:
            update = update / np.linalg.norm(update) * 1.01 * (before + 1e-8)
        before = np.linalg.norm(update)
        weight = weight - 0.1 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t) * scale**0.5 * update
    return weight


@pytest.mark.parametrize(("scale_type", "scale"), [("channel", 1.0), ("tensor", 128.0)])
def test_it_follows_the_algorithm_of_the_paper_for_matrices_and_their_transposes(scale_type: str, scale: float) -> None:
    grads = gradients(5, 8)
    settings = {"rank": 2, "scale_type": scale_type, "scale": scale, "update_gap": 4}
    projections = [trained(grads[:n], **settings)[1][3] for n in range(1, 7)]
    assert [(one == projections[0]).all() for one in projections] == [True] * 4 + [False] * 2  # drawn anew
    wanted = transcript(grads, projections, scale_type, scale)
    np.testing.assert_allclose(trained(grads, **settings)[0], wanted, rtol=1e-9)
    np.testing.assert_allclose(trained([grad.T for grad in grads], **settings)[0], wanted.T, rtol=1e-9)


def test_projections_have_the_variance_of_the_rank_and_depend_on_seed_and_name() -> None:
    def projection(name: str, seed: int) -> Any:
        mx.random.seed(seed)
        return trained(gradients(60, 80, steps=1), rank=50, param_idx2name={0: name})[1][3]

    one = projection("a", 1)
    assert abs(one.var() * 50 - 1) < 0.1
    assert one.tobytes() == projection("a", 1).tobytes()
    assert one.tobytes() not in (projection("b", 1).tobytes(), projection("a", 2).tobytes())


def test_without_a_matrix_it_is_adam() -> None:
    adam = np.zeros(5)
    update = mx.optimizer.get_updater(mx.optimizer.Adam(0.1, epsilon=1e-6))
    for grad in gradients(5):
        update(0, grad, adam)
    np.testing.assert_allclose(trained(gradients(5))[0], adam, rtol=1e-6)


def test_a_gradient_of_zero_does_not_stop_what_follows() -> None:
    grads = [np.zeros((3, 4)), *gradients(3, 4)]
    assert np.linalg.norm(trained(grads, rank=2)[0]) > 0.1


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ((9, 4), [(2, 9), (2, 9), (1,), (2, 4)]),
        ((2, 9), [(2, 9), (2, 9), (1,)]),
        ((9,), [(9,), (9,)]),
        ((9, 4, 3), [(9, 4, 3), (9, 4, 3)]),
    ],
)
def test_only_matrices_of_more_rows_than_the_rank_are_projected(shape: Any, kept: Any) -> None:
    assert [one.shape for one in mx.optimizer.APOLLO(rank=2).create_state(0, np.zeros(shape))] == kept
