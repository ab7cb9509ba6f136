"""The interface from before Module, over Module."""

import numpy as np
import pytest

import mxcore as mx

pytestmark = [pytest.mark.usefixtures("workplace"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def net():
    layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2, name="fc")
    return mx.symbol.SoftmaxOutput(layer, name="softmax")


def samples():
    x = np.random.default_rng(0).normal(size=(40, 3))
    return x, x[:, 0] > 0


def test_it_trains_scores_predicts_and_is_saved():
    x, y = samples()
    with pytest.warns(DeprecationWarning, match=r"use mx\.mod\.Module"):
        model = mx.model.FeedForward(net(), ctx=mx.cpu(), num_epoch=20, learning_rate=1.0, numpy_batch_size=10)
    epochs = []
    model.fit(x, y, eval_data=(x, y), epoch_end_callback=lambda epoch, *_: epochs.append(epoch))
    assert epochs == list(range(20))
    batches = mx.io.NDArrayIter(x, y, batch_size=12)
    assert model.score(batches) > 0.9
    outputs, data, label = model.predict(batches, return_data=True)
    assert (outputs.shape, data.shape, label.shape) == ((40, 2), (40, 3), (40,))
    np.testing.assert_allclose(data, x, rtol=1e-6)
    model.save("old", 20)
    again = mx.model.FeedForward.load("old", 20)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.begin_epoch == 20


def test_an_epoch_may_have_a_size():
    x, y = samples()
    seen = []
    mx.model.FeedForward.create(
        net(), x, y, num_epoch=2, epoch_size=3, numpy_batch_size=10, learning_rate=0.1,
        batch_end_callback=lambda param: seen.append((param.epoch, param.nbatch)),
    )  # fmt: skip
    assert seen == [(epoch, nbatch) for epoch in range(2) for nbatch in range(3)]


def test_a_model_without_parameters_says_what_comes_first():
    with pytest.raises(AssertionError, match="call fit first"):
        mx.model.FeedForward(net()).predict(samples()[0])
