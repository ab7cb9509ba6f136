"""Constant broadcasts, and says which shapes do not fit."""

import numpy as np
import pytest

import mxcore as mx


def test_an_array_survives_dumps_and_create() -> None:
    initializer = mx.init.Constant(np.array([1.0, 2.0]))
    again = mx.init.create(initializer.dumps())
    assert again == initializer
    array = np.empty((3, 2))
    again("fc_weight", array)
    assert array.tolist() == [[1, 2]] * 3


def test_a_value_that_does_not_broadcast_names_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"'fc_weight' has shape \(2, 2\): value \(3,\) does not"):
        mx.init.Constant([1, 2, 3])("fc_weight", np.empty((2, 2)))


def test_text_is_no_value() -> None:
    with pytest.raises(ValueError, match="value must be a number"):
        mx.init.Constant("much")
