"""GroupAdaGrad keeps one history per row, and has no weight decay."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize(("shape", "history"), [((), ()), ((4,), (4,)), ((4, 3), (4, 1)), ((4, 3, 2), (4, 1, 1))])
def test_groupadagrad_takes_any_shape(shape: tuple[int, ...], history: tuple[int, ...]) -> None:
    assert mx.optimizer.GroupAdaGrad().create_state(0, np.zeros(shape)).shape == history


def test_rows_without_gradient_stay() -> None:
    weight, updater = np.ones((2, 2)), mx.optimizer.get_updater(mx.optimizer.GroupAdaGrad())
    updater(0, np.array([[0.0, 0.0], [1.0, 2.0]]), weight)
    assert weight[0].tolist() == [1.0, 1.0]
    assert updater.states[0].tolist() == [[0.0], [2.5]]


def test_groupadagrad_refuses_weight_decay_when_it_is_given() -> None:
    with pytest.raises(ValueError, match=r"wd must be 0: weight decay is not supported, got 0\.1"):
        mx.optimizer.GroupAdaGrad(wd=0.1)
