"""A module on several contexts: NumPy's serve as well as GPUs to show how work is shared."""

import contextlib

import numpy as np
import pytest

import mxcore as mx

TWO = [mx.cpu(0), mx.cpu(1)]


def net():
    hidden = mx.sym.Activation(
        mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1"), act_type="tanh"
    )
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2"), name="softmax")


def samples(rows=21):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype(np.float32), rng.integers(0, 3, rows)


def trained(context, **kwargs):
    mod = mx.mod.Module(net(), context=context, work_load_list=kwargs.pop("work_load_list", None))
    rng = np.random.default_rng(1)
    shapes = {"fc1_weight": (5, 4), "fc1_bias": (5,), "fc2_weight": (3, 5), "fc2_bias": (3,)}
    first = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    mod.fit(
        mx.io.NDArrayIter(*samples(), batch_size=7),
        optimizer="adam",
        optimizer_params={"learning_rate": 0.1},
        arg_params=first,
        num_epoch=2,
        **kwargs,
    )
    return mod


@pytest.mark.parametrize("work", [None, [1, 2], [0.25, 0.75]])
@pytest.mark.parametrize("kvstore", ["local", "device"])
def test_two_contexts_train_as_one(work, kvstore):
    alone, shared = trained(mx.cpu()), trained(TWO, work_load_list=work, kvstore=kvstore)
    for name, weight in alone.get_params()[0].items():
        np.testing.assert_allclose(shared.get_params()[0][name], weight, atol=1e-5)
    assert shared.optimizer.num_update == alone.optimizer.num_update


def test_gradients_are_added_in_the_order_of_contexts():
    mod = mx.mod.Module(net(), context=[mx.cpu(0), mx.cpu(1), mx.cpu(2)])
    mod.bind([("data", (7, 4))], [("softmax_label", (7,))])
    mod.init_params("xavier")
    x, y = samples(7)
    mod.forward_backward(mx.io.DataBatch([x], [y]))
    parts = []
    for rows in (slice(0, 2), slice(2, 4), slice(4, 7)):
        one = mx.mod.Module(net())
        one.bind([("data", (rows.stop - rows.start, 4))], [("softmax_label", (rows.stop - rows.start,))])
        one.set_params(*mod.get_params())
        one.forward_backward(mx.io.DataBatch([x[rows]], [y[rows]]))
        parts.append(one.gradients["fc1_weight"])
    np.testing.assert_array_equal(mod.gradients["fc1_weight"], (parts[0] + parts[1]) + parts[2])


def test_outputs_are_merged_unless_their_parts_are_asked_for():
    mod = mx.mod.Module(net(), context=TWO)
    mod.bind([("data", (7, 4))], [("softmax_label", (7,))], inputs_need_grad=True)
    mod.init_params("xavier")
    x, y = samples(7)
    mod.forward_backward(mx.io.DataBatch([x], [y]))
    (parts,) = mod.get_outputs(merge_multi_context=False)
    assert [part.shape for part in parts] == [(4, 3), (3, 3)]
    np.testing.assert_array_equal(mod.get_outputs()[0], np.concatenate(parts))
    assert [part.shape for part in mod.get_input_grads(merge_multi_context=False)[0]] == [(4, 4), (3, 4)]
    assert mod.get_input_grads()[0].shape == (7, 4)
    assert mod.output_shapes == [("softmax_output", (7, 3))]


def test_a_batch_of_another_size_is_cut_anew():
    mod = trained(TWO)
    x, y = samples(10)
    mod.forward(mx.io.DataBatch([x], [y]), is_train=False)
    assert [part.shape for part in mod.get_outputs(merge_multi_context=False)[0]] == [(5, 3), (5, 3)]
    assert mod.data_shapes == [("data", (10, 4))]


def test_a_list_of_batches_gives_each_context_its_own():
    mod = trained(TWO)
    x, y = samples(8)
    halves = [mx.io.DataBatch([x[:4]], [y[:4]]), mx.io.DataBatch([x[4:]], [y[4:]])]
    mod.forward(halves, is_train=False)
    apart, whole = mx.metric.Accuracy(), mx.metric.Accuracy()
    mod.update_metric(apart, [half.label for half in halves], pre_sliced=True)
    mod.forward(mx.io.DataBatch([x], [y]), is_train=False)
    mod.update_metric(whole, [y])
    assert apart.get() == whole.get()


def test_without_a_store_each_context_keeps_to_itself():
    mod = trained(TWO, kvstore=None)
    names = [name for layer in ("fc1", "fc2") for name in (f"{layer}_weight", f"{layer}_bias") for _ in TWO]
    assert mod.optimizer.idx2name == dict(enumerate(names))
    assert np.abs(mod.get_params()[0]["fc1_weight"] - trained(TWO).get_params()[0]["fc1_weight"]).max() > 1e-3


def test_a_context_without_rows_or_of_another_kind_is_refused():
    mod = mx.mod.Module(net(), context=[mx.cpu()] * 4)
    with pytest.raises(ValueError, match="a batch of 3 cannot be divided among 4 contexts"):
        mod.bind([("data", (3, 4))], [("softmax_label", (3,))])
    assert not mod.binded
    with pytest.raises(TypeError, match="a context is a device"):
        mx.mod.Module(net(), context=["cpu"])
    with pytest.raises(AssertionError, match="work_load_list"):
        mx.mod.Module(net(), context=TWO, work_load_list=[1])


def test_moving_averages_are_the_mean_over_contexts():
    data = mx.sym.BatchNorm(mx.sym.Variable("data"), name="bn")
    mod = mx.mod.Module(data, label_names=None, context=TWO)
    mod.bind([("data", (6, 4))])
    mod.init_params()
    x, _ = samples(6)
    mod.forward(mx.io.DataBatch([x]), is_train=True)
    mean = mod.get_params()[1]["bn_moving_mean"]
    np.testing.assert_allclose(mean, 0.1 * x.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("kvstore", ["local", None])
def test_all_contexts_evaluate_with_averages(kvstore):
    mod = mx.mod.Module(net(), context=TWO)
    batches = mx.io.NDArrayIter(*samples(8), batch_size=8)
    arguments = {"learning_rate": 0.5, "beta": 0.9}
    mod.fit(batches, optimizer="average(sgd)", optimizer_params=arguments, initializer="xavier", num_epoch=3,
            kvstore=kvstore)  # fmt: skip
    trained = [one.arg_dict["fc1_weight"].copy() for one in mod._exec_group.execs]
    with contextlib.suppress(KeyError), mod.evaluating():
        averages = [one.arg_dict["fc1_weight"].copy() for one in mod._exec_group.execs]
        raise KeyError
    for number, one in enumerate(mod._exec_group.execs):
        np.testing.assert_array_equal(one.arg_dict["fc1_weight"], trained[number])
        assert not np.array_equal(averages[number], trained[number])
    if kvstore:
        np.testing.assert_array_equal(averages[0], averages[1])
