"""A module of buckets keeps its parameters wherever it goes."""

import numpy as np
import pytest

import mxcore as mx

pytestmark = pytest.mark.usefixtures("workplace")


def network(_):
    data = mx.sym.Variable("data")
    return mx.sym.FullyConnected(data, num_hidden=2, flatten=False, name="fc"), ("data",), None


def batch(length):
    shape = (2, length, 3)
    return mx.io.DataBatch([np.ones(shape)], pad=0, bucket_key=length, provide_data=[("data", shape)])


@pytest.fixture
def mod():
    made = mx.mod.BucketingModule(network, default_bucket_key=4)
    made.bind([("data", (2, 4, 3))])
    made.init_params("xavier")
    return made


def weight(module):
    return module.get_params()[0]["fc_weight"]


def test_a_checkpoint_brings_the_parameters_back(mod):
    mod.forward(batch(2), is_train=False)
    mod.save_checkpoint("net", 1)
    assert mx.symbol.load("net-2-symbol.json").list_arguments() == ["data", "fc_weight", "fc_bias"]
    for again in (
        mx.mod.BucketingModule.load("net", 1, network, 4),
        mx.mod.BucketingModule.load_dict({4: network(4)[0]}, network, 4, *mod.get_params()),
    ):
        again.bind([("data", (2, 4, 3))])
        again.forward(batch(3), is_train=False)
        np.testing.assert_array_equal(weight(again), weight(mod))
        np.testing.assert_allclose(again.get_outputs()[0][0, 0], weight(mod).sum(axis=1), rtol=1e-6)


def test_binding_again_keeps_the_parameters(mod):
    before = weight(mod)
    mod.bind([("data", (2, 5, 3))], force_rebind=True)
    assert mod.data_shapes == [("data", (2, 5, 3))]
    np.testing.assert_array_equal(weight(mod), before)


def test_the_next_batch_is_prepared_without_leaving_this_one(mod):
    mod.forward(batch(4), is_train=False)
    mod.prepare(batch(2))
    assert mod.get_outputs()[0].shape == (2, 4, 2)
    mod.switch_bucket(2, None)
    assert mod.data_shapes == [("data", (2, 2, 3))]


def test_a_monitor_sees_buckets_that_come_later(mod):
    monitor = mx.mon.Monitor(1, pattern=".*output")
    mod.install_monitor(monitor)
    monitor.tic()
    mod.forward(batch(2), is_train=False)
    assert [name for _, name, _ in monitor.toc()] == ["fc_output"]


def test_calls_in_the_wrong_order_say_what_comes_first(mod):
    fresh = mx.mod.BucketingModule(network, default_bucket_key=4)
    assert (fresh.data_names, fresh.output_names) == (["data"], ["fc_output"])
    with pytest.raises(AssertionError, match="call bind first"):
        fresh.init_params()
    fresh.bind([("data", (2, 4, 3))])
    with pytest.raises(AssertionError, match="call init_params"):
        fresh.switch_bucket(2, [("data", (2, 2, 3))])
    with pytest.raises(AssertionError, match="does not support shared_module"):
        mx.mod.BucketingModule(network, 4).bind([("data", (2, 4, 3))], shared_module=mod)
    with pytest.raises(AssertionError, match="needs default_bucket_key"):
        mx.mod.BucketingModule(network)
