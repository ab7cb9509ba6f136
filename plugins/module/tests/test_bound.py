"""Symbols bound to arrays, as programs for MXNet bind them."""

import numpy as np
import pytest

import mxcore as mx


def network():
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
    return mx.sym.SoftmaxOutput(layer, name="softmax")


def test_a_loop_over_an_executor_is_what_a_module_does():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)).astype(np.float32), rng.integers(0, 2, 4)
    run = network().simple_bind(mx.cpu(), data=(4, 3))
    update = mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1))
    names = network().list_arguments()
    trained = [name for name in names if name.startswith("fc")]
    for _ in range(3):
        run.forward(is_train=True, data=x, softmax_label=y)
        run.backward()
        for index, name in enumerate(trained):
            update(index, run.grad_dict[name], run.arg_dict[name])
    mod = mx.mod.Module(network())
    mod.fit(mx.io.NDArrayIter(x, y, batch_size=4), optimizer="adam", initializer="zeros", num_epoch=3,
            optimizer_params={"learning_rate": 0.1, "rescale_grad": 1.0})  # fmt: skip
    for name, weight in mod.get_params()[0].items():
        np.testing.assert_allclose(run.arg_dict[name], weight, rtol=1e-5)
    assert [array.shape for array in run.arg_arrays] == [(4, 3), (2, 3), (2,), (4,)]
    assert list(run.output_dict) == ["softmax_output"]


def test_bind_computes_with_the_arrays_that_it_is_given():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    x, y, grad = np.ones(2), np.array([2.0, 3.0]), np.zeros(2)
    run = (a * b).bind(mx.cpu(), [x, y], args_grad=[grad, None], grad_req="add")
    assert run.grad_dict == {"a": pytest.approx(grad), "b": None}
    x[:] = 5
    assert run.forward(is_train=True)[0].tolist() == [10.0, 15.0]
    for _ in range(2):
        run.backward(dict.fromkeys(run.output_dict, np.ones(2)))
    assert grad.tolist() == [4.0, 6.0]
    nd = (a * b).bind(mx.cpu(), {"a": mx.nd.ones(2), "b": mx.nd.ones(2)})
    assert nd.forward()[0].asnumpy().tolist() == [1.0, 1.0]
    nd.backward()  # nothing asks for a gradient, even without a forward pass in training
    assert (a + b).eval(mx.cpu(), a=x, b=y)[0].tolist() == [7.0, 8.0]


def test_what_cannot_be_bound_is_refused():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    with pytest.raises(ValueError, match="args must hold an array for each of a, b, got 1"):
        (a + b).bind(mx.cpu(), [np.ones(2)])
    with pytest.raises(ValueError, match="args has no b"):
        (a + b).bind(mx.cpu(), {"a": np.ones(2)})
    with pytest.raises(TypeError):
        (a + b).bind(mx.cpu(), {"a": [1.0], "b": [2.0]})
    with pytest.raises(mx.symbol.ShapeError):
        (a + b).bind(mx.cpu(), {"a": np.ones(2), "b": np.ones(3)})
    with pytest.raises(ValueError, match="grad_req must be one of"):
        (a + b).simple_bind(mx.cpu(), a=(2,), grad_req={"a": "sum"})
    run = (a + b).simple_bind(mx.cpu(), a=(2,))
    with pytest.raises(TypeError, match="there is no argument 'c'"):
        run.forward(c=np.ones(2))
    with pytest.raises(ValueError, match=r"a must have shape \(2,\), got \(3,\)"):
        run.forward(a=np.ones(3))
    with pytest.raises(ValueError, match="must be an array, got list"):
        run.forward(a=[1.0, 2.0])
    with pytest.raises(ValueError, match="there are no arguments c"):
        run.copy_params_from({"c": np.ones(2)})


def test_a_reshaped_executor_shares_memory_and_grows_only_if_allowed():
    run = network().simple_bind(mx.cpu(), data=(4, 3))
    smaller = run.reshape(data=(2, 3), softmax_label=(2,))
    smaller.arg_dict["fc_weight"][:] = 7
    smaller.arg_dict["data"][:] = 9
    assert (run.arg_dict["fc_weight"] == 7).all()
    assert run.arg_dict["data"][:, 0].tolist() == [9, 9, 0, 0]
    with pytest.raises(mx.symbol.ShapeError, match="softmax_label would change"):
        run.reshape(data=(2, 3))
    assert run.reshape(partial_shaping=True, data=(2, 3)).outputs[0].shape == (2, 2)
    with pytest.raises(mx.symbol.ShapeError, match="data would grow"):
        run.reshape(data=(5, 3), softmax_label=(5,))
    larger = run.reshape(allow_up_sizing=True, data=(5, 3), softmax_label=(5,))
    assert (larger.arg_dict["fc_weight"] == 7).all()
    assert not larger.arg_dict["data"].any()


def test_a_callback_sees_outputs_and_if_wanted_inputs():
    run = network().simple_bind(mx.cpu(), data=(4, 3))
    seen = []
    run.set_monitor_callback(lambda name, array: seen.append((name, array.shape)))
    run.forward()
    assert seen == [("fc_output", (4, 2)), ("softmax_output", (4, 2))]
    run.set_monitor_callback(lambda name, array: seen.append(name), monitor_all=True)
    seen.clear()
    run.reshape(partial_shaping=True, data=(2, 3)).forward()
    assert seen == ["fc_data", "fc_weight", "fc_bias", "fc_output", "softmax_data", "softmax_label", "softmax_output"]


def test_executors_share_arrays_and_take_dtypes():
    run = network().simple_bind(mx.cpu(), data=(4, 3), type_dict={"data": "float64"})
    assert {array.dtype for array in run.arg_arrays} == {np.dtype(np.float64)}
    other = network().simple_bind(mx.cpu(), data=(2, 3), type_dict={"data": "float64"}, shared_exec=run)
    other.arg_dict["fc_bias"][:] = 3
    assert (run.arg_dict["fc_bias"] == 3).all()
    quiet = network().simple_bind(mx.cpu(), data=(4, 3), grad_req=["null", "write", "null", "null"])
    assert [grad is None for grad in quiet.grad_arrays] == [True, False, True, True]
