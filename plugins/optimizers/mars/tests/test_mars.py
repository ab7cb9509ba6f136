"""MARS corrects a gradient by what has changed, and bounds the corrected one."""

import numpy as np
import pytest

import mxcore as mx


def steps(grads: list[list[float]], **arguments: float) -> list[list[float]]:
    """Return the gradients that the wrapped optimizer gets."""
    update = mx.optimizer.get_updater(mx.optimizer.MARS("sgd", learning_rate=1.0, **arguments))
    weight, found = np.zeros(2), []
    for grad in grads:
        before = weight.copy()
        update("w", np.array(grad), weight)
        found.append((before - weight).tolist())
    return found


def test_a_gradient_is_corrected_by_its_change() -> None:
    first, second = steps([[0.5, 0.0], [0.25, 0.1]], gamma=0.5, beta1=0.5)
    assert first == [0.5, 0]
    assert second == pytest.approx([0.25 - 0.125, 0.15])


def test_a_long_corrected_gradient_has_norm_one_but_for_the_first() -> None:
    first, second = steps([[30.0, 40.0], [3.0, 4.0]], gamma=0.0)
    assert first == [30, 40]
    assert second == pytest.approx([0.6, 0.8])
