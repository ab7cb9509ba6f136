import logging
from pathlib import Path

import numpy as np
import pytest
from mxcore_module.io import DataBatch, NDArrayIter
from mxcore_module.module import Module, load_checkpoint

import mxcore as mx

sym = mx.symbol


def classifier(**kwargs):
    hidden = sym.FullyConnected(sym.Variable("data"), num_hidden=8, name="fc1", **kwargs)
    return sym.SoftmaxOutput(
        sym.FullyConnected(sym.Activation(hidden, act_type="relu"), num_hidden=3, name="fc2"), name="softmax"
    )


def regression(**kwargs):
    return sym.LinearRegressionOutput(
        sym.FullyConnected(sym.Variable("data"), num_hidden=1, name="fc", **kwargs), name="out"
    )


def samples(rows=24, columns=4, classes=3):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(rows, columns)).astype(np.float32)
    return data, (data @ rng.normal(size=(columns, classes))).argmax(axis=1).astype(np.float32)


def batches(batch_size=8, **kwargs):
    return NDArrayIter(*samples(), batch_size=batch_size, **kwargs)


def started(net=None, seed=0, **kwargs):
    mx.random.seed(seed)
    mod = Module(classifier() if net is None else net, **kwargs)
    mod.bind([("data", (8, 4))], [("softmax_label", (8,))])
    mod.init_params(mx.init.create("uniform", scale=0.5))
    return mod


def equal(one, other):
    assert sorted(one) == sorted(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


# --- training --------------------------------------------------------------------------------------------------------


def test_fit_is_gradient_descent_on_the_batch_mean():
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
    target = (x @ [2, -1] + 0.5).astype(np.float32)
    mod = Module(regression(), label_names=["out_label"])
    mod.fit(
        NDArrayIter(x, target, batch_size=3, label_name="out_label"),
        eval_metric="mse",
        arg_params={"fc_weight": np.ones((1, 2)), "fc_bias": np.zeros(1)},
        optimizer_params={"learning_rate": 0.3},
        num_epoch=5,
    )
    weight, bias = np.ones(2), 0.0
    for _ in range(5):
        for rows in (slice(0, 3), slice(3, 6)):
            error = x[rows] @ weight + bias - target[rows]
            weight, bias = weight - 0.3 * error @ x[rows] / 3, bias - 0.3 * error.mean()
    arg_params, aux_params = mod.get_params()
    np.testing.assert_allclose(arg_params["fc_weight"][0], weight, rtol=1e-5)
    np.testing.assert_allclose(arg_params["fc_bias"], bias, rtol=1e-5)
    assert aux_params == {}


def test_a_deep_network_with_every_kind_of_layer_learns():
    mx.random.seed(0)
    data = sym.Variable("data")
    hidden = sym.BatchNorm(sym.FullyConnected(data, num_hidden=16, name="fc1"), fix_gamma=False, name="bn1")
    hidden = sym.Dropout(sym.LeakyReLU(hidden, act_type="prelu", name="act1"), p=0.1, name="drop1")
    joint = sym.Concat(hidden, sym.Activation(data, act_type="tanh"), dim=1)
    net = sym.SoftmaxOutput(sym.FullyConnected(joint, num_hidden=3, name="fc2"), name="softmax")
    mod = Module(net)
    train = batches(shuffle=True)
    mod.fit(train, initializer='["uniform", {"scale": 0.5}]', optimizer_params={"learning_rate": 0.2, "momentum": 0.9},
            num_epoch=60)  # fmt: skip
    assert dict(mod.score(batches(), "acc"))["accuracy"] > 0.9
    _, aux_params = mod.get_params()
    assert sorted(aux_params) == ["bn1_moving_mean", "bn1_moving_var"]


def test_the_steps_by_hand_are_what_fit_does():
    by_fit, by_hand = started(), started()
    by_fit.fit(batches(), num_epoch=2)
    by_hand.init_optimizer()
    train = batches()
    for _ in range(2):
        for batch in train:
            by_hand.forward(batch)
            by_hand.backward()
            by_hand.update()
        train.reset()
    equal(by_fit.get_params()[0], by_hand.get_params()[0])


def test_fit_calls_back_and_logs_in_order(caplog):
    events = []
    mod = started()
    with caplog.at_level(logging.INFO):
        mod.fit(
            batches(),
            eval_data=batches(),
            eval_metric=["acc", "ce"],
            batch_end_callback=[lambda p: events.append(("batch", p.epoch, p.nbatch)), lambda p: p.eval_metric.get()],
            epoch_end_callback=lambda epoch, symbol, arg, aux: events.append(
                ("epoch", epoch, symbol.name, len(arg), aux)
            ),
            eval_batch_end_callback=lambda p: events.append(("eval", p.epoch, p.nbatch)),
            eval_end_callback=lambda p: events.append(("evaluated", p.nbatch)),
            begin_epoch=1,
            num_epoch=2,
        )
    assert events == [
        *[("batch", 1, number) for number in range(3)],
        ("epoch", 1, "softmax", 4, {}),
        *[("eval", 1, number) for number in range(3)],
        ("evaluated", 3),
    ]
    lines = [record.getMessage().split("=")[0] for record in caplog.records]
    expected = ["Train-accuracy", "Train-cross-entropy", "Time cost", "Validation-accuracy", "Validation-cross-entropy"]
    assert lines == [f"Epoch[1] {name}" for name in expected]


def test_a_progress_line_that_resets_the_metric_leaves_the_epochs_average_alone(caplog):
    mod = started()
    with caplog.at_level(logging.INFO):
        mod.fit(batches(4), batch_end_callback=lambda p: p.eval_metric.reset_local(), num_epoch=1)
    (line,) = [record.getMessage() for record in caplog.records if "Train-accuracy" in record.getMessage()]
    assert "nan" not in line


def test_fit_needs_to_know_when_to_stop_and_something_to_train_on():
    with pytest.raises(AssertionError, match="num_epoch="):
        started().fit(batches())
    used_up = batches()
    list(used_up)
    with pytest.raises(ValueError, match="train_data gave no batch in epoch 0"):
        started().fit(used_up, num_epoch=1)


def test_fit_goes_on_from_where_it_was():
    mod = started()
    mod.fit(batches(), num_epoch=1)
    halfway = mod.get_params()[0]
    mod.fit(batches(), begin_epoch=1, num_epoch=2)
    once = started()
    once.fit(batches(), num_epoch=2)
    equal(mod.get_params()[0], once.get_params()[0])
    assert not np.array_equal(halfway["fc1_weight"], mod.get_params()[0]["fc1_weight"])


# --- binding ---------------------------------------------------------------------------------------------------------


def test_calls_in_the_wrong_order_say_what_comes_first():
    mod = Module(classifier())
    batch = DataBatch([np.zeros((8, 4))])
    for call in (mod.init_params, mod.get_params, mod.init_optimizer, mod.update, lambda: mod.forward(batch)):
        with pytest.raises(AssertionError, match="call bind first"):
            call()
    mod.bind([("data", (8, 4))])
    for call in (mod.get_params, mod.init_optimizer, lambda: mod.forward(batch), lambda: mod.predict(np.zeros((8, 4)))):
        with pytest.raises(AssertionError, match="init_params"):
            call()
    mod.init_params()
    for call in (mod.update, lambda: mod.save_optimizer_states("x")):
        with pytest.raises(AssertionError, match="call init_optimizer first"):
            call()
    with pytest.raises(AssertionError, match="inputs_need_grad=True"):
        mod.get_input_grads()


def test_unknown_names_are_refused_and_unknown_labels_warned_of():
    with pytest.raises(ValueError, match="data_names: the symbol has no argument 'dta'; did you mean 'data'"):
        Module(classifier(), data_names=["dta"])
    with pytest.raises(ValueError, match="fixed_param_names"):
        Module(classifier(), fixed_param_names=["fc9_weight"])
    with pytest.warns(UserWarning, match="label_names: the symbol has no argument 'softmax_label'; .*'out_label'"):
        Module(regression())


def test_shapes_must_be_for_the_modules_own_inputs():
    mod = Module(classifier())
    with pytest.raises(ValueError, match=r"data_shapes must describe data, as data_names says, got x \(8, 4\)"):
        mod.bind([("x", (8, 4))])
    with pytest.raises(ValueError, match="label_shapes must describe softmax_label, got lable"):
        mod.bind([("data", (8, 4))], [("lable", (8,))])
    with pytest.raises(ValueError, match="SoftmaxOutput 'softmax': label must have shape"):
        mod.bind([("data", (8, 4))], [("softmax_label", (7,))])
    assert not mod.binded


def test_a_second_bind_is_ignored_and_a_forced_one_keeps_the_parameters(caplog):
    mod = started()
    before = mod.get_params()[0]
    mod.bind([("data", (2, 4))])
    assert "Already bound" in caplog.text
    assert mod.data_shapes == [("data", (8, 4))]
    mod.bind([("data", (2, 4))], force_rebind=True)
    assert mod.output_shapes == [("softmax_output", (2, 3))]
    equal(mod.get_params()[0], before)
    with pytest.raises(ValueError, match="'fc1_weight' has shape"):
        mod.bind([("data", (2, 5))], force_rebind=True)
    assert mod.data_shapes == [("data", (2, 4))]


def test_modules_can_share_their_parameters():
    one = started()
    other = Module(classifier())
    other.bind([("data", (2, 4))], shared_module=one)
    one.fit(batches(), num_epoch=1)
    equal(one.get_params()[0], other.get_params()[0])


def test_sharing_with_a_module_that_has_no_parameters_yet_shares_nothing():
    other = Module(classifier())
    other.bind([("data", (2, 4))], shared_module=Module(classifier()))
    assert not other.params_initialized


def test_labels_that_the_network_does_not_read_are_left_out():
    mod = Module(classifier().get_internals()["fc2_output"], label_names=None)
    train = batches()
    mod.bind(train.provide_data, train.provide_label)
    mod.init_params()
    assert mod.output_shapes == [("fc2_output", (8, 3))]
    assert mod.predict(train).shape == (24, 3)


def test_parameters_take_the_dtype_of_their_variable():
    net = regression(weight=sym.Variable("fc_weight", dtype="float64"))
    mod = Module(net, label_names=["out_label"])
    mod.bind([("data", (2, 3))], [("out_label", (2,))])
    mod.init_params()
    assert {name: array.dtype.name for name, array in mod.get_params()[0].items()} == {
        "fc_weight": "float64",
        "fc_bias": "float32",
    }
    mod.init_optimizer()
    mod.forward_backward(DataBatch([np.ones((2, 3))], [np.ones(2)]))
    mod.update()


# --- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initializer", ["uniform", '["uniform", {"scale": 0.07}]', {"initializer": "uniform"}])
def test_an_initializer_may_be_given_in_any_form(initializer):
    by_instance = Module(classifier())
    by_form = Module(classifier())
    for mod, given in ((by_instance, mx.init.create("uniform")), (by_form, initializer)):
        mx.random.seed(3)
        mod.bind([("data", (8, 4))])
        mod.init_params(given)
    equal(by_instance.get_params()[0], by_form.get_params()[0])


def test_an_initializer_may_be_a_function_of_name_and_array():
    seen = []

    def fill(name, array):
        seen.append(str(name))
        array[...] = len(name)

    mod = Module(classifier())
    mod.bind([("data", (8, 4))])
    mod.init_params(fill)
    assert seen == sorted(seen) == ["fc1_bias", "fc1_weight", "fc2_bias", "fc2_weight"]
    assert (mod.get_params()[0]["fc1_bias"] == len("fc1_bias")).all()


def test_the_default_initializer_draws_weights_within_a_hundredth_and_zeroes_biases():
    mod = Module(classifier())
    mod.bind([("data", (8, 4))])
    mod.init_params()
    params = mod.get_params()[0]
    assert 0.005 < abs(params["fc1_weight"]).max() <= 0.01
    assert not params["fc1_bias"].any()


def test_a_variables_own_initializer_comes_first_and_moving_averages_have_theirs():
    net = sym.BatchNorm(
        sym.FullyConnected(sym.Variable("data"), sym.Variable("w", init="one"), num_hidden=2, name="fc"), name="bn"
    )
    mod = Module(net, label_names=None)
    mod.bind([("data", (4, 3))])
    mod.init_params()
    arg_params, aux_params = mod.get_params()
    assert (arg_params["w"] == 1).all()
    assert (arg_params["bn_gamma"] == 1).all()
    assert not aux_params["bn_moving_mean"].any()
    assert (aux_params["bn_moving_var"] == 1).all()


def test_initialising_again_is_ignored_unless_forced():
    mod = started()
    before = mod.get_params()[0]
    with pytest.warns(UserWarning, match="force_init=True"):
        mod.init_params()
    equal(mod.get_params()[0], before)
    mod.init_params(force_init=True)
    assert not np.array_equal(mod.get_params()[0]["fc1_weight"], before["fc1_weight"])


def test_parameters_that_do_not_fit_are_refused_and_nothing_changes():
    mod = started()
    before = mod.get_params()[0]
    zeros = {name: np.zeros_like(array) for name, array in before.items()}
    without = {name: array for name, array in zeros.items() if name != "fc2_bias"}
    with pytest.raises(RuntimeError, match="arg_params has no fc2_bias"):
        mod.set_params(without)
    with pytest.raises(ValueError, match="the network has no fc3_bias: pass allow_extra=True"):
        mod.set_params({**zeros, "fc3_bias": np.zeros(3)}, allow_missing=True)
    with pytest.raises(ValueError, match=r"fc2_bias must have shape \(3,\), got \(4,\)"):
        mod.set_params({**zeros, "fc2_bias": np.zeros(4)})
    with pytest.raises(mx.catalogue.PluginError, match="no_such"):
        mod.init_params("no_such", without, allow_missing=True, force_init=True)
    equal(mod.get_params()[0], before)


def test_missing_parameters_may_be_initialised_or_left():
    mod = started()
    before = mod.get_params()[0]
    mod.set_params({"fc1_bias": np.ones(8), "unused": np.ones(1)}, allow_missing=True, allow_extra=True)
    after = mod.get_params()[0]
    assert (after["fc1_bias"] == 1).all()
    np.testing.assert_array_equal(after["fc2_weight"], before["fc2_weight"])
    mod.init_params("one", {"fc1_bias": np.ones(8)}, allow_missing=True, force_init=True)
    assert (mod.get_params()[0]["fc2_weight"] == 1).all()


def test_a_part_of_a_network_takes_its_parameters_from_those_of_all():
    mod = started()
    arg_params, aux_params = mod.get_params()
    features = mx.mod.Module(mod.symbol.get_internals()["fc1_output"], label_names=None)
    features.bind([("data", (2, 4))], for_training=False)
    features.set_params(arg_params, aux_params)
    np.testing.assert_array_equal(features.get_params()[0]["fc1_bias"], arg_params["fc1_bias"])
    with pytest.warns(UserWarning, match="the network has no fc2_bias, fc2_weight: these values are ignored"):
        features.init_params("one", arg_params, aux_params, allow_missing=True, force_init=True)


def test_get_params_returns_copies():
    mod = started()
    mod.get_params()[0]["fc1_weight"][...] = 9
    assert not (mod.get_params()[0]["fc1_weight"] == 9).any()


# --- optimizers ------------------------------------------------------------------------------------------------------


def test_a_named_optimizer_knows_batch_size_names_and_multipliers():
    mod = started(classifier(lr_mult=2, wd_mult=0.5))
    mod.init_optimizer(optimizer_params=(("learning_rate", 0.1), ("wd", 0.01)))
    optimizer = mod.optimizer
    assert optimizer.rescale_grad == 1 / 8
    assert optimizer.idx2name == {0: "fc1_weight", 1: "fc1_bias", 2: "fc2_weight", 3: "fc2_bias"}
    np.testing.assert_allclose(optimizer._get_lrs(range(4)), [0.2, 0.2, 0.1, 0.1])
    np.testing.assert_allclose(optimizer._get_wds(range(4)), [0.005, 0.005, 0.01, 0])


def test_an_optimizer_object_gets_names_and_multipliers_but_keeps_the_users_own():
    optimizer = mx.optimizer.create("sgd", learning_rate=0.1, wd=0.01, rescale_grad=1 / 8)
    optimizer.set_wd_mult({"fc2_weight": 3})
    mod = started(classifier(lr_mult=2))
    mod.init_optimizer(optimizer=optimizer)
    assert mod.optimizer is optimizer
    np.testing.assert_allclose(optimizer._get_lrs(range(4)), [0.2, 0.2, 0.1, 0.1])
    np.testing.assert_allclose(optimizer._get_wds(range(4)), [0.01, 0, 0.03, 0])


def test_an_optimizer_object_with_names_is_left_as_it_is():
    optimizer = mx.optimizer.create("sgd", rescale_grad=1 / 8, param_idx2name={0: "mine"})
    started().init_optimizer(optimizer=optimizer)
    assert optimizer.idx2name == {0: "mine"}


def test_an_optimizer_object_that_does_not_average_is_warned_of():
    with pytest.warns(UserWarning, match="rescale_grad=1.0, not 1 / batch size = 0.125"):
        started().init_optimizer(optimizer=mx.optimizer.create("sgd"))


def test_a_second_optimizer_is_ignored_unless_forced(caplog):
    mod = started()
    mod.init_optimizer(optimizer_params={"learning_rate": 0.5})
    mod.init_optimizer(optimizer_params={"learning_rate": 0.25})
    assert "already initialized" in caplog.text
    assert mod.optimizer.learning_rate == 0.5
    mod.init_optimizer(optimizer_params={"learning_rate": 0.25}, force_init=True)
    assert mod.optimizer.learning_rate == 0.25


def test_an_optimizer_that_cannot_be_made_leaves_the_module_without_one():
    mod = started()
    with pytest.raises(mx.catalogue.PluginError, match="cannot find kvstore 'no_such'"):
        mod.init_optimizer(kvstore="no_such")
    with pytest.raises(mx.catalogue.PluginError):
        mod.init_optimizer(optimizer="no_such")
    assert not mod.optimizer_initialized


def test_fixed_parameters_stay():
    mod = started(fixed_param_names=["fc1_weight"])
    before = mod.get_params()[0]
    mod.fit(batches(), num_epoch=1)
    after = mod.get_params()[0]
    np.testing.assert_array_equal(after["fc1_weight"], before["fc1_weight"])
    assert not np.array_equal(after["fc2_weight"], before["fc2_weight"])
    assert mod.optimizer.idx2name[2] == "fc2_weight"


# --- passes ----------------------------------------------------------------------------------------------------------


def test_gradients_can_be_added_up_over_batches():
    data, label = samples(8)
    whole, halves = started(), started()
    whole.forward_backward(DataBatch([data], [label]))
    halves.bind([("data", (4, 4))], [("softmax_label", (4,))], force_rebind=True, grad_req="add")
    for rows in (slice(0, 4), slice(4, 8)):
        halves.forward_backward(DataBatch([data[rows]], [label[rows]]))
    for name, gradient in whole.gradients.items():
        np.testing.assert_allclose(halves.gradients[name], gradient, rtol=1e-5, atol=1e-6)


def test_gradients_of_the_data_are_there_if_asked_for():
    mod = Module(regression(no_bias=True), label_names=["out_label"])
    mod.bind([("data", (2, 3))], [("out_label", (2,))], inputs_need_grad=True)
    mod.init_params("one")
    mod.forward_backward(DataBatch([np.ones((2, 3))], [np.array([1.0, 3.0])]))
    np.testing.assert_array_equal(mod.get_input_grads()[0], [[2] * 3, [0] * 3])


def test_a_module_that_is_not_for_training_has_no_gradients():
    mod = Module(classifier())
    mod.bind([("data", (8, 4))], for_training=False)
    mod.init_params()
    mod.forward(DataBatch([np.zeros((8, 4))]))
    assert mod.gradients == {}
    with pytest.raises(RuntimeError, match="is_train=True"):
        mod.backward()


def test_an_output_that_is_no_loss_takes_its_gradient_from_outside():
    mod = Module(sym.FullyConnected(sym.Variable("data"), num_hidden=2, no_bias=True, name="fc"), label_names=None)
    mod.bind([("data", (1, 2))])
    mod.init_params("one")
    mod.forward(DataBatch([np.array([[1.0, 2.0]])]))
    mod.backward([np.array([[1.0, 10.0]])])
    np.testing.assert_array_equal(mod.gradients["fc_weight"], [[1, 2], [10, 20]])


def test_a_smaller_batch_is_fine_with_and_without_labels():
    mod = started()
    mod.init_optimizer()
    data, label = samples(24)
    whole = mod.predict(data)
    assert whole.shape == (24, 3)
    mod.forward_backward(DataBatch([data[:3]], [label[:3]]))
    mod.update()
    mod.forward(DataBatch([data[:8]], [label[:8]]), is_train=False)
    assert mod.get_outputs()[0].shape == (8, 3)
    assert mod.data_shapes == [("data", (8, 4))]


def test_a_batch_that_does_not_fit_the_parameters_is_refused_and_the_module_still_works():
    mod = started()
    with pytest.raises(ValueError, match=r"'fc1_weight' has shape \(8, 4\).*but \(8, 5\)"):
        mod.predict(np.zeros((8, 5)))
    with pytest.raises(ValueError, match="the batch has 2 data arrays, but the module was bound to 1"):
        mod.forward(DataBatch([np.zeros((8, 4))] * 2))
    assert mod.predict(np.zeros((8, 4))).shape == (8, 3)


def test_states_are_neither_data_nor_parameters():
    net = sym.FullyConnected(sym.Variable("data") + sym.Variable("state"), num_hidden=1, no_bias=True, name="fc")
    mod = Module(net, label_names=None, state_names=["state"])
    mod.bind([("data", (2, 3))])
    mod.init_params("one")
    mod.set_states(value=2)
    assert mod.predict(np.zeros((2, 3))).tolist() == [[6], [6]]
    mod.set_states([np.full((2, 3), 5)])
    assert mod.get_states()[0].tolist() == [[5] * 3] * 2
    assert list(mod.get_params()[0]) == ["fc_weight"]
    with pytest.raises(ValueError, match="either states"):
        mod.set_states()


def test_several_inputs_and_outputs_go_by_their_names():
    a, b = sym.Variable("a"), sym.Variable("b")
    mod = Module(sym.Group([a - b, a + b]), data_names=["a", "b"], label_names=None)
    data = NDArrayIter({"b": np.ones((3, 1)), "a": np.full((3, 1), 5)}, batch_size=2)
    mod.bind(data.provide_data)
    mod.init_params()
    difference, total = mod.predict(data)
    assert difference.tolist() == [[4], [4], [4]]
    assert total.tolist() == [[6], [6], [6]]


# --- score and predict -----------------------------------------------------------------------------------------------


def test_predict_drops_filler_rows_and_joins_batches():
    mod = started()
    data, label = samples(21)
    padded = NDArrayIter(data, label, batch_size=8)
    predicted = mod.predict(padded)
    np.testing.assert_allclose(predicted, mod.predict(data), rtol=1e-6)
    assert [len(outputs[0]) for outputs in mod.predict(padded, merge_batches=False)] == [8, 8, 5]
    assert [outputs[0].shape for outputs, _, _ in mod.iter_predict(padded, num_batch=2)] == [(8, 3), (8, 3)]
    (listed,) = mod.predict(padded, always_output_list=True)
    np.testing.assert_array_equal(listed, predicted)
    with pytest.raises(ValueError, match="gave no batch"):
        mod.predict(padded, reset=False)


def test_predicting_does_not_train():
    mod = started(
        sym.SoftmaxOutput(sym.BatchNorm(sym.FullyConnected(num_hidden=3, data=sym.Variable("data"))), name="softmax")
    )
    before = mod.get_params()
    mod.predict(batches())
    mod.score(batches(), "acc")
    equal(mod.get_params()[1], before[1])


def test_score_is_what_the_predictions_say():
    mod = started()
    data, label = samples(24)
    accuracy = float((mod.predict(data).argmax(axis=1) == label).mean())
    assert mod.score(batches(), "acc") == [("accuracy", accuracy)]
    first = float((mod.predict(data)[:8].argmax(axis=1) == label[:8]).mean())
    assert mod.score(batches(), "acc", num_batch=1) == [("accuracy", first)]


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_checkpoint_brings_back_network_and_parameters(tmp_path):
    net = sym.SoftmaxOutput(
        sym.BatchNorm(sym.FullyConnected(sym.Variable("data"), num_hidden=3), name="bn"), name="softmax"
    )
    mod = started(net)
    mod.fit(batches(), num_epoch=2)
    mod.save_checkpoint(str(tmp_path / "net"), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-0002.params", "net-symbol.json"]
    loaded = Module.load(str(tmp_path / "net"), 2)
    loaded.bind([("data", (8, 4))], for_training=False)
    for one, other in zip(loaded.get_params(), mod.get_params(), strict=True):
        equal(one, other)
    np.testing.assert_array_equal(loaded.predict(batches()), mod.predict(batches()))
    symbol, arg_params, aux_params = load_checkpoint(str(tmp_path / "net"), 2)
    assert symbol.tojson() == net.tojson()
    assert sorted(arg_params) == sorted(mod.get_params()[0])
    assert sorted(aux_params) == ["bn_moving_mean", "bn_moving_var"]


def test_parameters_are_written_as_safetensors(tmp_path):
    from safetensors.numpy import load_file

    mod = started()
    mod.save_params(tmp_path / "net.params")
    stored = load_file(tmp_path / "net.params")
    np.testing.assert_array_equal(stored["arg:fc1_weight"], mod.get_params()[0]["fc1_weight"])
    other = started(seed=1)
    other.load_params(tmp_path / "net.params")
    equal(other.get_params()[0], mod.get_params()[0])


def test_resuming_gives_the_same_bits(tmp_path):
    net = sym.SoftmaxOutput(
        sym.FullyConnected(sym.Dropout(sym.Variable("data"), name="d"), num_hidden=3), name="softmax"
    )
    params = {"learning_rate": 0.1, "momentum": 0.9}
    straight = started(net)
    straight.fit(batches(), optimizer_params=params, num_epoch=3)

    stopped = started(net)
    stopped.fit(batches(), optimizer_params=params, num_epoch=2)
    stopped.save_checkpoint(str(tmp_path / "net"), 2, save_optimizer_states=True)
    mx.random.seed(99)

    resumed = Module.load(str(tmp_path / "net"), 2, load_optimizer_states=True)
    resumed.fit(batches(), optimizer_params=params, begin_epoch=2, num_epoch=3)
    equal(resumed.get_params()[0], straight.get_params()[0])
    assert resumed.optimizer.num_update == straight.optimizer.num_update == 9


def test_optimizer_states_go_to_a_file_and_back(tmp_path):
    one, other = started(), started()
    one.fit(batches(), optimizer_params={"momentum": 0.9}, num_epoch=1)
    one.save_optimizer_states(tmp_path / "net.states")
    other.init_optimizer(optimizer_params={"momentum": 0.9})
    other.set_params(*one.get_params())
    other.load_optimizer_states(tmp_path / "net.states")
    for mod in (one, other):
        mod.fit(batches(), num_epoch=1)
    equal(one.get_params()[0], other.get_params()[0])


def test_a_file_of_another_network_is_refused(tmp_path):
    mod = started()
    mod.save_checkpoint(str(tmp_path / "net"), 1)
    regression().save(tmp_path / "net-symbol.json")
    with pytest.raises(ValueError, match="net-0001.params has no fc_weight, fc_bias"):
        Module.load(str(tmp_path / "net"), 1, label_names=["out_label"])
    mod.init_optimizer()
    mod.save_optimizer_states(tmp_path / "net-0001.params")
    with pytest.raises(ValueError, match="holds the state of an updater"):
        mod.load_params(tmp_path / "net-0001.params")


def test_a_module_evaluates_with_averages_and_saves_both(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(8, 1)
    batches = mx.io.NDArrayIter(x, 3 * x[:, 0] + 1, batch_size=4, label_name="out_label")
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=1, name="fc")
    module = mx.mod.Module(mx.sym.LinearRegressionOutput(layer, name="out"), label_names=["out_label"])
    arguments = {"beta": 0.9, "learning_rate": 0.5}
    module.fit(batches, eval_metric="mse", optimizer="average(sgd)", optimizer_params=arguments, num_epoch=2)
    trained = module.get_params()[0]["fc_weight"]
    with module.evaluating():
        average = module.get_params()[0]["fc_weight"]
    assert not np.array_equal(trained, average)
    assert np.array_equal(module.get_params()[0]["fc_weight"], trained)
    prefix = str(tmp_path / "net")
    module.save_checkpoint(prefix, 1, save_optimizer_states=True, save_evaluation_params=True)
    evaluated, resumed = (
        mx.mod.Module.load(prefix, 1, load_evaluation_params=evaluation, label_names=["out_label"])
        for evaluation in (True, False)
    )
    for loaded, wanted in ((evaluated, average), (resumed, trained)):
        loaded.bind(batches.provide_data, batches.provide_label)
        assert np.array_equal(loaded.get_params()[0]["fc_weight"], wanted)
    assert module.score(batches, "mse") == evaluated.score(batches, "mse")
    assert module.score(batches, "mse") != resumed.score(batches, "mse")
    np.testing.assert_array_equal(module.predict(batches), evaluated.predict(batches))
