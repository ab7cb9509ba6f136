"""Cautious steps go downhill, and cautious decay does not take them back."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def step(weight: list[float], grad: list[float], mean: list[float], **arguments: Any) -> Any:
    """Return what a step of Lion, whose steps are signs, takes from a weight."""
    optimizer = mx.optimizer.Cautious("lion", learning_rate=0.5, beta1=0.9, **arguments)
    update, after = mx.optimizer.get_updater(optimizer), np.array(weight)
    update.states = {"w": (None, np.array(mean))}
    update("w", np.array(grad), after)
    return weight - after


def test_elements_that_would_go_uphill_stay_and_the_others_go_farther() -> None:
    given = [0.0] * 4, [1.0, -1.0, 1.0, 1.0], [1.0, 1.0, 1.0, -1.0]
    assert step(*given).tolist() == [1, 0, 1, 0]
    assert step(*given, normalized=False).tolist() == [0.5, 0, 0.5, 0]


def test_where_nothing_may_move_nothing_is_divided_by_zero() -> None:
    assert step([0.0], [1.0], [-1.0]).tolist() == [0]


def test_decay_applies_where_it_goes_the_way_of_the_step() -> None:
    given = [2.0, -2.0], [1.0, 1.0], [1.0, 1.0]
    assert step(*given, wd=0.5, caution="decay").tolist() == [1, 0.5]
    assert step(*given, wd=0.5, normalized=False).tolist() == [1, 0]
    uphill = [2.0, -2.0], [-1.0, 1.0], [1.0, 1.0]
    assert step(*uphill, wd=0.5, caution="both", normalized=False).tolist() == [0.5, 0.5]


def test_decay_must_be_decoupled_to_be_cautious() -> None:
    with pytest.raises(ValueError, match="caution='decay' needs decoupled weight decay, which SGD does not have"):
        mx.optimizer.Cautious("sgd", caution="decay")
    optimizer = mx.optimizer.Cautious("sgd")
    with pytest.raises(ValueError, match="needs decoupled"):
        optimizer.caution = "both"
    assert optimizer.caution == "steps"
