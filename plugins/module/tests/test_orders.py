"""A module in every order of calls that MXNet allows."""

import logging

import numpy as np
import pytest

import mxcore as mx

SHAPES = {"data_shapes": [("data", (4, 3))], "label_shapes": [("softmax_label", (4,))]}


def layer():
    return mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")


def module(**kwargs):
    return mx.mod.Module(mx.sym.SoftmaxOutput(layer(), name="softmax"), **kwargs)


def started(**kwargs):
    mod = module()
    mod.bind(**SHAPES, **kwargs)
    mod.init_params("xavier")
    return mod


def batch(rows=4):
    rng = np.random.default_rng(0)
    return mx.io.DataBatch([rng.normal(size=(rows, 3))], [rng.integers(0, 2, rows)])


def test_a_reshape_keeps_parameters_optimizer_and_rescale_grad():
    mod = started()
    mod.init_optimizer(optimizer_params={"learning_rate": 1.0})
    mod.forward_backward(batch())
    mod.update()
    before = mod.get_params()[0]["fc_weight"]
    mod.reshape([("data", (6, 3))], [("softmax_label", (6,))])
    np.testing.assert_array_equal(mod.get_params()[0]["fc_weight"], before)
    assert mod.data_shapes == [("data", (6, 3))]
    mod.forward_backward(batch(6))
    gradient = mod.gradients["fc_weight"].copy()
    mod.update()
    np.testing.assert_allclose(mod.get_params()[0]["fc_weight"], before - gradient / 4, atol=1e-6)


def test_a_reshape_that_does_not_fit_changes_nothing():
    mod = started()
    with pytest.raises(mx.symbol.ShapeError):
        mod.reshape([("data", (6, 5))])
    with pytest.raises(TypeError, match="data_shapes must be a list of pairs"):
        mod.reshape([5])
    assert mod.data_shapes == [("data", (4, 3))]
    mod.forward_backward(batch())


@pytest.mark.parametrize(
    "wrong", [5, None, "abc", [5], [("data", 5)], ("data", (4, 3)), [("data", "ab")], [("data", (4, "x"))]]
)
def test_a_bind_to_what_is_no_shape_is_a_type_error_and_binds_nothing(wrong):
    mod = module()
    with pytest.raises(TypeError):
        mod.bind(wrong)
    assert not mod.binded
    mod.bind(**SHAPES)
    assert mod.binded


def test_a_module_borrows_the_optimizer_of_the_one_whose_parameters_it_shares():
    first = started()
    first.init_optimizer(optimizer_params={"learning_rate": 1.0})
    second = module()
    second.bind([("data", (8, 3))], [("softmax_label", (8,))], shared_module=first)
    assert second.optimizer_initialized
    assert second.optimizer is first.optimizer
    second.forward_backward(batch(8))
    second.update()
    np.testing.assert_array_equal(first.get_params()[0]["fc_weight"], second.get_params()[0]["fc_weight"])
    third = started()
    third.borrow_optimizer(first)
    assert third.optimizer is first.optimizer
    with pytest.raises(AssertionError, match="has no optimizer"):
        third.borrow_optimizer(started())


def test_backward_without_gradients_to_compute_does_nothing():
    mod = mx.mod.Module(layer(), label_names=None)
    mod.bind(SHAPES["data_shapes"], grad_req="null")
    mod.init_params()
    mod.forward_backward(batch())
    mod = mx.mod.Module(layer(), label_names=None)
    mod.bind(SHAPES["data_shapes"])
    mod.init_params()
    with pytest.raises(ValueError, match="not a loss"):
        mod.forward_backward(batch())


@pytest.mark.parametrize(
    ("grad_req", "expected"),
    [
        ({"fc_bias": "null"}, {"fc_weight"}),
        ({"data": "write"}, {"data", "fc_weight", "fc_bias"}),
        (["write", "null", "write", "null"], {"data", "fc_bias"}),
    ],
)
def test_gradients_are_asked_for_by_name_or_in_order(grad_req, expected):
    assert set(started(grad_req=grad_req).gradients) == expected


def test_a_base_module_stands_alone():  # noqa: C901  # the classes are short
    class Counts(mx.mod.BaseModule):
        def bind(self, data_shapes, label_shapes=None, for_training=True, force_rebind=False):
            self.binded, self.shapes = True, data_shapes

        def init_params(self, **kwargs):
            self.params_initialized = True

        def init_optimizer(self, kvstore, optimizer, optimizer_params):
            self.optimizer_initialized = True

        def forward(self, data_batch, is_train=None):
            self.seen = getattr(self, "seen", 0) + 1

        def backward(self, out_grads=None): ...
        def update(self): ...
        def update_metric(self, eval_metric, labels): ...

    class Endless(mx.io.DataIter):
        provide_data = provide_label = None
        count = 0

        def reset(self):
            self.count = 0

        def next(self):
            self.count += 1
            if self.count > 3:
                raise StopIteration
            return mx.io.DataBatch([np.zeros(1)], [np.zeros(1)])

    plain = mx.mod.BaseModule()
    assert (plain.binded, plain.params_initialized, plain.optimizer_initialized, plain.symbol) == (False,) * 3 + (None,)
    assert plain.logger is logging
    counts = Counts(logger=logging.getLogger("mine"))
    assert counts.logger.name == "mine"
    counts.fit(Endless(), num_epoch=2)
    assert counts.seen == 6
    assert counts.shapes is None


def test_the_next_batch_is_fetched_after_the_metric_has_seen_this_one():
    events = []

    class Watched(mx.io.NDArrayIter):
        def next(self):
            events.append("next")
            return super().next()

    def metric(label, pred):
        events.append("metric")
        return 0.0

    batches = Watched(np.zeros((8, 3)), np.zeros(8), batch_size=4)
    module().fit(batches, eval_metric=metric, num_epoch=1, batch_end_callback=lambda _: events.append("callback"))
    assert events == ["next", "metric", "next", "callback", "metric", "next", "callback"]


def test_sparse_row_ids_are_accepted_with_a_warning():
    mod = started()
    batches = mx.io.NDArrayIter(np.zeros((8, 3)), np.zeros(8), batch_size=4)
    with pytest.warns(UserWarning, match="sparse_row_id_fn is not called"):
        mod.score(batches, "acc", sparse_row_id_fn=lambda _: {})
    mod.prepare(batch())


def test_unknown_attributes_are_carried_along():
    data = mx.sym.Variable("data", attr={"__layout__": "TN", "mood": "good"})
    assert data.attr("__layout__") == "TN"
    assert mx.symbol.load_json(data.tojson()).attr_dict() == data.attr_dict()
    with mx.AttrScope(__stage__="1"), mx.AttrScope(__group__="a"):
        net = mx.sym.FullyConnected(data, num_hidden=2, name="fc") + 1
    assert net.attr_dict()["fc_weight"] == {"__stage__": "1", "__group__": "a"}
    assert net.attr("__stage__") == "1"
    assert mx.sym.Variable("x").attr("__stage__") is None
    with pytest.raises(ValueError, match="must be a string"):
        mx.AttrScope(__stage__=1)
    with mx.AttrScope(lr_mult="3", ctx_group="left"):
        slow = mx.sym.Variable("x", attr={"wd_mult": "0.5"})
    assert slow.attr_dict() == {"x": {"__lr_mult__": "3", "__ctx_group__": "left", "__wd_mult__": "0.5"}}
    assert (slow.attr("lr_mult"), slow.attr("__lr_mult__")) == ("3", "3")


def test_a_batch_is_cut_along_the_axis_of_its_layout():
    mod = mx.mod.Module(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, flatten=False, name="fc",
                                              attr={"__layout__": "TNC"}),
                        label_names=None, context=[mx.cpu(0), mx.cpu(1)])  # fmt: skip
    mod.bind([mx.io.DataDesc("data", (5, 4, 3), layout="TNC")])
    mod.init_params("xavier")
    mod.init_optimizer()
    assert mod.optimizer.rescale_grad == 1 / 4
    x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    mod.forward(mx.io.DataBatch([x]), is_train=False)
    assert [part.shape for part in mod.get_outputs(merge_multi_context=False)[0]] == [(5, 2, 2), (5, 2, 2)]
    weight = mod.get_params()[0]["fc_weight"]
    np.testing.assert_allclose(mod.get_outputs()[0], x @ weight.T, atol=1e-6)


def test_arrays_have_the_methods_of_ndarrays_and_the_arithmetic_of_numpy():
    mod = started()
    mod.forward(batch())
    out = mod.get_outputs()[0]
    assert type(out.asnumpy()) is np.ndarray
    assert out.context == mx.cpu()
    assert ((out > 0.5) | (out <= 0.5)).dtype == bool
    total = out.sum()
    assert total.asscalar() == float(total) == round(total, 5) == 4
    assert f"{total:.1f}" == "4.0"
    assert {total: 1} == {4.0: 1}
    with pytest.raises(TypeError, match="not hashable"):
        hash(out)
    assert repr(out).startswith("array(")
    assert mod.get_params()[0]["fc_weight"].asnumpy().shape == (2, 3)
    with pytest.raises(AttributeError, match="no_such"):
        out.no_such  # noqa: B018


def test_a_monitor_reports_outputs_and_parameters_at_its_interval(caplog):
    caplog.set_level(logging.INFO)
    batches = mx.io.NDArrayIter(np.ones((12, 3)), np.zeros(12), batch_size=4)
    monitor = mx.mon.Monitor(2, pattern="fc.*", sort=True)
    mod = module()
    mod.fit(batches, num_epoch=1, monitor=monitor, initializer="zeros")
    lines = [record.getMessage().split() for record in caplog.records if record.name.endswith("monitor")]
    assert [line[1:3] for line in lines] == [
        [step, name] for step in "13" for name in ("fc_bias", "fc_output", "fc_weight")
    ]
    assert float(lines[1][3]) == 0.0
    weight = mod.get_params()[0]["fc_weight"]
    assert float(lines[-1][3]) == pytest.approx(np.linalg.norm(weight) / np.sqrt(weight.size), rel=1e-5)


def test_parameters_follow_the_dtype_of_the_data():
    data, own = mx.sym.Variable("data"), mx.sym.Variable("own_bias", shape=(2,), dtype="float32")
    net = mx.sym.FullyConnected(mx.sym.BatchNorm(data, name="bn"), bias=own, num_hidden=2, name="fc")
    mod = mx.mod.Module(net, label_names=None)
    mod.bind([mx.io.DataDesc("data", (4, 3), np.float64)])
    mod.init_params()
    kinds = {name: array.dtype.name for params in mod.get_params() for name, array in params.items()}
    assert (kinds["fc_weight"], kinds["own_bias"], kinds["bn_gamma"]) == ("float64", "float32", "float32")


def test_programs_may_clip_gradients_as_they_did():
    mod = started()
    mod.init_optimizer(optimizer_params={"learning_rate": 1.0, "rescale_grad": 1.0})
    before = mod.get_params()[0]
    mod.forward_backward(batch())
    for (gradient,) in mod._exec_group.grad_arrays:
        mx.nd.clip(gradient, -0.01, 0.01, out=gradient)
    mod.update()
    for name, weight in mod.get_params()[0].items():
        assert 0 < np.abs(weight - before[name]).max() <= 0.0101
    executor = mod._exec_group.execs[0]
    np.testing.assert_array_equal(mod._exec_group.param_arrays[0][0], executor.arg_dict["fc_weight"])
