"""LambdaScheduler asks a function, with one integer at a time."""

import numpy as np
import pytest

import mxcore as mx


def test_a_function_that_takes_numbers_only_gives_arrays() -> None:
    schedule = mx.lr_scheduler.LambdaScheduler(lambda done: 1.0 if done < 3 else 0.5, 0.4)
    assert schedule(np.arange(1, 7).reshape(2, 3)).tolist() == [[0.4] * 3, [0.2] * 3]


def test_a_function_that_changes_its_mind_is_asked_in_every_update() -> None:
    factors, weight = [1.0], np.zeros(1)
    update = mx.optimizer.get_updater(
        mx.optimizer.SGD(lr_scheduler=mx.lr_scheduler.LambdaScheduler(lambda done: factors[0], 1.0))
    )
    for factors[0] in (1.0, 0.25):
        update(0, -np.ones(1), weight)
    assert weight.tolist() == [1.25]


def test_a_function_has_no_string() -> None:
    with pytest.raises(TypeError, match="LambdaScheduler cannot be written as a string: .* has no string"):
        mx.lr_scheduler.LambdaScheduler(lambda done: 1.0).warmup(3).dumps()
