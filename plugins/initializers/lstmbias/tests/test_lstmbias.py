"""LSTMBias opens the forget gate of a parameter that has it as its own initializer."""

import numpy as np
import pytest

import mxcore as mx
from mxcore.initializer import InitDesc


def test_the_second_quarter_is_the_forget_gate() -> None:
    bias = np.full(12, 7.0)
    desc = InitDesc("lstm_i2h_bias", {"__init__": mx.init.LSTMBias(3).dumps()})
    mx.init.Uniform()(desc, bias)
    assert bias.tolist() == [0, 0, 0, 3, 3, 3, 0, 0, 0, 0, 0, 0]


def test_by_name_alone_a_bias_is_0() -> None:
    bias = np.full(4, 7.0)
    mx.init.LSTMBias()(InitDesc("lstm_i2h_bias"), bias)
    assert bias.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("shape", [(), (6,)])
def test_lstmbias_refuses_what_holds_no_four_gates(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="first axis that holds four gates: 'lstm_weight' has shape"):
        mx.init.LSTMBias()("lstm_weight", np.empty(shape))
