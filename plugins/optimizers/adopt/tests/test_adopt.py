"""ADOPT divides by the variance of earlier gradients, so its first update moves nothing."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def run(grads: list[float], **settings: Any) -> tuple[list[float], Any]:
    """Return the weights after each update, from 1, and the updater."""
    weight, update, found = np.ones(1), mx.optimizer.get_updater(mx.optimizer.ADOPT(0.5, **settings)), []
    for grad in grads:
        update(0, np.full(1, grad), weight)
        found.append(weight.item())
    return found, update


@pytest.mark.parametrize("begin", [0, 100])
def test_the_first_update_only_measures_the_gradient(begin: int) -> None:
    weights, update = run([3.0], wd=0.5, begin_num_update=begin)
    assert weights == [1.0]
    assert [one.tolist() for one in update.states[0]] == [[0.0], [9.0]]


def test_a_gradient_is_divided_by_the_variance_before_it() -> None:
    weights, _ = run([2.0, 6.0], beta1=0.0, beta2=0.0, clip_exponent=None)
    assert weights[1] == 1 - 0.5 * 6 / 2


def test_the_bound_grows_with_the_earlier_updates() -> None:
    weights, _ = run([1.0, 1e3, 1e9], beta1=0.0, beta2=0.0, clip_exponent=0.5)
    assert -np.diff([1, *weights]) == pytest.approx([0, 0.5, 0.5 * 2**0.5])


def test_decay_from_the_second_update_on_is_decoupled_or_not() -> None:
    assert run([0.0, 0.0], wd=0.5)[0] == [1.0, 0.75]
    assert run([0.0], wd=0.5, decoupled_wd=False)[1].states[0][1].tolist() == [0.25]
