import numpy as np
import pytest
from mxcore_module.executor import Executor
from mxcore_module.operators import ShapeError

import mxcore as mx

sym = mx.symbol
x = sym.Variable("x")


def linear(**kwargs):
    net = sym.FullyConnected(x, num_hidden=2, no_bias=True, name="fc")
    run = Executor.allocate(net, mx.cpu(), {"x": (3, 2)}, **kwargs)
    run.fill("x", np.arange(6).reshape(3, 2))
    run.fill("fc_weight", [[1, 2], [3, 4]])
    return run


def test_gradients_are_written_added_or_left_out_as_asked():
    run = linear(grad_req={"x": "add", "fc_weight": "write"})
    for _ in range(2):
        run.forward(is_train=True)
        run.backward(np.ones((3, 2)))
    np.testing.assert_array_equal(run.grad_dict["x"], 2 * np.array([[4, 6]] * 3))
    np.testing.assert_array_equal(run.grad_dict["fc_weight"], [[6, 9], [6, 9]])
    assert linear(grad_req="null").grad_dict == {}
    assert list(linear(grad_req={"x": "write"}).grad_dict) == ["x"]


def test_a_variable_that_does_not_matter_has_gradient_zero():
    net = sym.SoftmaxOutput(x, name="out")
    run = Executor.allocate(net, mx.cpu(), {"x": (2, 3)})
    run.grad_dict["out_label"][...] = 5
    run.forward(is_train=True)
    run.backward()
    assert not run.grad_dict["out_label"].any()


def test_an_unknown_request_is_refused():
    with pytest.raises(ValueError, match="grad_req must be one of write, add, null .*got 'sum' for 'x'"):
        linear(grad_req={"x": "sum"})
    with pytest.raises(ValueError, match="got 'write' for 'z'"):
        linear(grad_req={"z": "write"})


def test_backward_needs_a_forward_pass_for_training():
    run = linear()
    with pytest.raises(RuntimeError, match="is_train=True"):
        run.backward(np.ones((3, 2)))
    run.forward(is_train=True)
    run.forward(is_train=False)
    with pytest.raises(RuntimeError, match="is_train=True"):
        run.backward(np.ones((3, 2)))


def test_an_output_that_is_no_loss_needs_a_gradient_of_its_shape():
    run = linear()
    run.forward(is_train=True)
    with pytest.raises(ValueError, match="output 'fc_output' is not a loss"):
        run.backward()
    with pytest.raises(ValueError, match=r"out_grads of fc_output must have shape \(3, 2\), got \(2, 2\)"):
        run.backward(np.ones((2, 2)))
    with pytest.raises(ValueError, match="one gradient for each of fc_output, got 2"):
        run.backward([np.ones((3, 2))] * 2)


def test_outputs_belong_to_the_caller():
    run = Executor.allocate(sym.Flatten(x), mx.cpu(), {"x": (2, 2)})
    run.fill("x", [[1, 2], [3, 4]])
    (first,) = run.forward()
    run.fill("x", np.zeros((2, 2)))
    run.forward()
    np.testing.assert_array_equal(first, [[1, 2], [3, 4]])


def test_several_outputs_add_up_to_one_gradient():
    run = Executor.allocate(sym.Group([2 * x, 3 * x, x]), mx.cpu(), {"x": (2,)})
    run.forward(is_train=True)
    run.backward([np.ones(2)] * 3)
    np.testing.assert_array_equal(run.grad_dict["x"], 6)


def test_reshaping_shares_what_keeps_its_shape_and_refuses_to_change_parameters():
    run = linear()
    other = run.reshape({"x": (5, 2)}, fixed=["fc_weight"])
    assert other.arg_dict["fc_weight"] is run.arg_dict["fc_weight"]
    assert other.grad_dict["fc_weight"] is run.grad_dict["fc_weight"]
    assert other.arg_dict["x"].shape == other.grad_dict["x"].shape == (5, 2)
    with pytest.raises(
        ShapeError, match=r"Variable 'fc_weight' has shape \(2, 2\).*but \(2, 7\) by FullyConnected 'fc'"
    ):
        run.reshape({"x": (5, 7)}, fixed=["fc_weight"])


def test_dtypes_are_those_asked_for_else_those_of_the_variables_else_float32():
    net = sym.FullyConnected(x, sym.Variable("w", dtype="float16"), sym.Variable("b", dtype="float16"), num_hidden=2)
    run = Executor.allocate(net, mx.cpu(), {"x": (3, 2)}, dtypes={"b": "float64"})
    assert {name: array.dtype.name for name, array in run.arg_dict.items()} == {
        "x": "float32",
        "w": "float16",
        "b": "float64",
    }


def test_shapes_that_are_not_settled_are_an_error_that_lists_them():
    with pytest.raises(ShapeError, match="cannot infer the shapes of x, fc_weight"):
        Executor.allocate(sym.FullyConnected(x, num_hidden=2, no_bias=True, name="fc"), mx.cpu(), {})


def test_values_of_another_shape_are_refused_by_name():
    with pytest.raises(ValueError, match=r"fc_weight must have shape \(2, 2\), got \(4,\)"):
        linear().fill("fc_weight", np.ones(4))
