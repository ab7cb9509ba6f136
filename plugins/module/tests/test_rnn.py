"""Cells of recurrent networks; what they compute is compared with MXNet in test_operators_recorded.py."""

import numpy as np
import pytest

import mxcore as mx

x = mx.symbol.Variable("x")


def stack():
    cells = mx.rnn.SequentialRNNCell()
    cells.add(mx.rnn.LSTMCell(3, prefix="a_"))
    cells.add(mx.rnn.GRUCell(2, prefix="b_"))
    return cells


def test_unpacked_weights_pack_to_the_same():
    outputs, _ = stack().unroll(2, x, merge_outputs=True)
    names, shapes = outputs.list_arguments()[1:], outputs.infer_shape(x=(1, 2, 4))[0][1:]
    rng = np.random.default_rng(0)
    packed = {name: rng.normal(size=shape) for name, shape in zip(names, shapes, strict=True)}
    parts = stack().unpack_weights(packed)
    assert parts["a_i2h_f_weight"].shape == (3, 4)
    np.testing.assert_array_equal(parts["b_h2h_z_bias"], packed["b_h2h_bias"][2:4])
    again = stack().pack_weights(parts)
    assert again.keys() == packed.keys()
    for name, array in packed.items():
        np.testing.assert_array_equal(again[name], array)


def test_the_forget_gate_starts_with_its_bias():
    outputs, _ = mx.rnn.LSTMCell(2, forget_bias=3.0).unroll(2, x, merge_outputs=True)
    net = mx.symbol.LinearRegressionOutput(outputs, name="out")
    module = mx.mod.Module(net, data_names=["x"], label_names=["out_label"])
    module.bind([("x", (1, 2, 4))], [("out_label", (1, 2, 2))])
    module.init_params(mx.init.Xavier())
    assert module.get_params()[0]["lstm_i2h_bias"].tolist() == [0, 0, 3, 3, 0, 0, 0, 0]


def test_cells_share_variables():
    shared = mx.rnn.RNNParams("both_")
    nets = [mx.rnn.RNNCell(3, prefix=prefix, params=shared).unroll(2, x)[0][-1] for prefix in ("a_", "b_")]
    assert mx.symbol.Group(nets).list_arguments()[1:] == [
        "both_i2h_weight", "both_i2h_bias", "both_h2h_weight", "both_h2h_bias"
    ]  # fmt: skip


def test_a_modified_cell_is_only_used_through_the_other():
    base = mx.rnn.RNNCell(3)
    mx.rnn.ResidualCell(base)
    with pytest.raises(AssertionError, match="another cell modifies this one"):
        base.begin_state()


def test_inputs_must_be_as_many_as_steps():
    with pytest.raises(ValueError, match="there are 1 inputs for 2 steps"):
        mx.rnn.RNNCell(3).unroll(2, [x])
