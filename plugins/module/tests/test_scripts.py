"""Scripts as MXNet's tutorials have them, with another import; they train shortly, on generated data."""

import logging

import numpy as np
import pytest

import mxcore as mx

pytestmark = pytest.mark.usefixtures("workplace")
with_convolution = pytest.mark.skipif(not hasattr(mx.sym, "Convolution"), reason="needs the operator Convolution")
with_sum = pytest.mark.skipif(not hasattr(mx.sym, "sum"), reason="needs the operator sum")


def drawn_digits(count, size=12, classes=3):
    """Return noisy images of a bar at one of several heights, and the number of the height."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, classes, count)
    images = 0.3 * rng.random((count, 1, size, size))
    for image, label in zip(images, labels, strict=True):
        image[0, 2 + 4 * label : 4 + 4 * label] += 0.7
    return images.astype(np.float32), labels.astype(np.float32)


@with_convolution
def test_lenet(caplog):
    caplog.set_level(logging.INFO)
    batch_size = 20
    images, labels = drawn_digits(200)
    train_iter = mx.io.NDArrayIter(images[:160], labels[:160], batch_size, shuffle=True)
    val_iter = mx.io.NDArrayIter(images[160:], labels[160:], batch_size)

    data = mx.sym.var("data")
    # first conv layer
    conv1 = mx.sym.Convolution(data=data, kernel=(5, 5), num_filter=4)
    tanh1 = mx.sym.Activation(data=conv1, act_type="tanh")
    pool1 = mx.sym.Pooling(data=tanh1, pool_type="max", kernel=(2, 2), stride=(2, 2))
    # second conv layer
    conv2 = mx.sym.Convolution(data=pool1, kernel=(3, 3), num_filter=6)
    tanh2 = mx.sym.Activation(data=conv2, act_type="tanh")
    pool2 = mx.sym.Pooling(data=tanh2, pool_type="max", kernel=(2, 2), stride=(2, 2))
    # first fullc layer
    flatten = mx.sym.flatten(data=pool2)
    fc1 = mx.symbol.FullyConnected(data=flatten, num_hidden=16)
    tanh3 = mx.sym.Activation(data=fc1, act_type="tanh")
    # second fullc
    fc2 = mx.sym.FullyConnected(data=tanh3, num_hidden=3)
    # softmax loss
    lenet = mx.sym.SoftmaxOutput(data=fc2, name="softmax")

    lenet_model = mx.mod.Module(symbol=lenet, context=mx.cpu())
    lenet_model.fit(
        train_iter,
        eval_data=val_iter,
        optimizer="sgd",
        optimizer_params={"learning_rate": 0.2, "momentum": 0.9},
        initializer=mx.init.Xavier(),
        eval_metric="acc",
        batch_end_callback=mx.callback.Speedometer(batch_size, 4),
        epoch_end_callback=mx.callback.do_checkpoint("lenet"),
        num_epoch=4,
    )
    prob = lenet_model.predict(val_iter)
    assert prob.shape == (40, 3)
    acc = mx.metric.Accuracy()
    lenet_model.score(val_iter, acc)
    assert acc.get()[1] > 0.9
    messages = [record.getMessage() for record in caplog.records]
    assert any(text.startswith("Epoch[3] Batch [0-4]\tSpeed: ") and "\taccuracy=" in text for text in messages)
    assert any(text.startswith("Epoch[3] Validation-accuracy=") for text in messages)
    assert 'Saved checkpoint to "lenet-0004.params"' in messages

    # resume from a checkpoint
    sym, arg_params, aux_params = mx.model.load_checkpoint("lenet", 4)
    mod = mx.mod.Module(symbol=sym, context=mx.cpu(), label_names=None)
    mod.bind(for_training=False, data_shapes=[("data", (batch_size, 1, 12, 12))])
    mod.set_params(arg_params, aux_params, allow_missing=True)
    np.testing.assert_array_equal(mod.predict(val_iter).asnumpy(), prob.asnumpy())
    resumed = mx.mod.Module.load("lenet", 2)
    resumed.fit(train_iter, num_epoch=4, begin_epoch=2, optimizer_params={"learning_rate": 0.1})
    assert dict(resumed.score(val_iter, "acc"))["accuracy"] > 0.8


def test_an_mlp_on_two_contexts():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(130, 6)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.float32)

    net = mx.sym.Variable("data")
    net = mx.sym.FullyConnected(net, name="fc1", num_hidden=32)
    net = mx.sym.Activation(net, name="relu1", act_type="relu")
    net = mx.sym.FullyConnected(net, name="fc2", num_hidden=2)
    net = mx.sym.SoftmaxOutput(net, name="softmax")

    train_iter = mx.io.NDArrayIter(x, y, batch_size=13, shuffle=True)
    mod = mx.mod.Module(symbol=net, context=[mx.cpu(0), mx.cpu(1)], data_names=["data"], label_names=["softmax_label"])
    mod.bind(data_shapes=train_iter.provide_data, label_shapes=train_iter.provide_label)
    mod.init_params(initializer=mx.init.Uniform(scale=0.3))
    mod.init_optimizer(optimizer="adam", optimizer_params=(("learning_rate", 0.02),))
    metric = mx.metric.create("acc")
    for _ in range(40):
        train_iter.reset()
        metric.reset()
        for batch in train_iter:
            mod.forward(batch, is_train=True)
            mod.update_metric(metric, batch.label)
            mod.backward()
            mod.update()
    assert metric.get()[1] > 0.9


@with_sum
def test_a_matrix_factorisation():
    rng = np.random.default_rng(2)
    users, items, rank = 12, 15, 3
    truth = rng.normal(size=(users, rank)) @ rng.normal(size=(rank, items)) / rank
    user, item = (part.ravel() for part in np.meshgrid(np.arange(users), np.arange(items), indexing="ij"))
    train = mx.io.NDArrayIter({"user": user, "item": item}, {"score": truth[user, item]}, batch_size=20, shuffle=True)

    user = mx.symbol.Variable("user")
    item = mx.symbol.Variable("item")
    score = mx.symbol.Variable("score")
    user = mx.symbol.Embedding(data=user, input_dim=users, output_dim=rank)
    item = mx.symbol.Embedding(data=item, input_dim=items, output_dim=rank)
    pred = user * item
    pred = mx.symbol.sum(data=pred, axis=1)
    pred = mx.symbol.Flatten(data=pred)
    pred = mx.symbol.LinearRegressionOutput(data=pred, label=score)

    def RMSE(label, pred):
        return float(np.sqrt(((label - pred.flatten()) ** 2).mean()))

    model = mx.module.Module(context=mx.cpu(), data_names=("user", "item"), label_names=("score",), symbol=pred)
    model.fit(
        train,
        num_epoch=60,
        optimizer="adam",
        optimizer_params={"learning_rate": 0.05, "rescale_grad": 1.0},
        initializer=mx.init.Normal(0.5),
        eval_metric=RMSE,
        batch_end_callback=mx.callback.Speedometer(20, 5),
    )
    assert model.score(train, mx.metric.CustomMetric(RMSE))[0][1] < 0.15


class SimpleBatch:
    def __init__(self, data, label, pad=0):
        self.data = data
        self.label = label
        self.pad = pad


class SimpleIter(mx.io.DataIter):
    def __init__(self, data_names, data_shapes, data_gen, label_names, label_shapes, label_gen, num_batches=10):
        self._provide_data = list(zip(data_names, data_shapes, strict=True))
        self._provide_label = list(zip(label_names, label_shapes, strict=True))
        self.num_batches = num_batches
        self.data_gen = data_gen
        self.label_gen = label_gen
        self.cur_batch = 0

    def __iter__(self):
        return self

    def reset(self):
        self.cur_batch = 0

    def __next__(self):
        return self.next()

    @property
    def provide_data(self):
        return self._provide_data

    @property
    def provide_label(self):
        return self._provide_label

    def next(self):
        if self.cur_batch >= self.num_batches:
            raise StopIteration
        self.cur_batch += 1
        data = [mx.nd.array(g(d[1])) for d, g in zip(self._provide_data, self.data_gen, strict=True)]
        label = [mx.nd.array(g(d[1])) for d, g in zip(self._provide_label, self.label_gen, strict=True)]
        return SimpleBatch(data, label)


class Spread(mx.metric.EvalMetric):
    def __init__(self):
        super().__init__("spread")

    def update(self, labels, preds):
        mx.metric.check_label_shapes(labels, preds)
        for _, pred in zip(labels, preds, strict=True):
            pred = pred.asnumpy()
            self.sum_metric += float(pred.max() - pred.min())
            self.num_inst += 1


class Recorder:
    def __init__(self):
        self.seen = []

    def __call__(self, param):
        names = [name for name, _ in param.eval_metric.get_name_value()]
        self.seen.append((param.epoch, param.nbatch, names, sorted(param.locals["self"].get_params()[0])))


def test_a_custom_iterator_metric_and_callback():
    data = mx.sym.Variable("data")
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(data, num_hidden=10, name="fc"), name="softmax")
    rng = np.random.RandomState(0)
    batches = SimpleIter(["data"], [(8, 4)], [lambda s: rng.uniform(-1, 1, s)],
                         ["softmax_label"], [(8,)], [lambda s: rng.randint(0, 10, s)], num_batches=3)  # fmt: skip
    recorder, epochs = Recorder(), []
    metric = mx.metric.CompositeEvalMetric()
    metric.add("acc")
    metric.add(Spread())
    mod = mx.mod.Module(symbol=net)

    def epoch_end(epoch, symbol, arg_params, aux_params):
        epochs.append((epoch, symbol.list_outputs(), arg_params))

    mod.fit(batches, num_epoch=2, eval_metric=metric, batch_end_callback=[recorder], epoch_end_callback=epoch_end)
    assert [entry[:2] for entry in recorder.seen] == [(epoch, nbatch) for epoch in range(2) for nbatch in range(3)]
    assert recorder.seen[0][2:] == (["accuracy", "spread"], ["fc_bias", "fc_weight"])
    assert [entry[:2] for entry in epochs] == [(0, ["softmax_output"]), (1, ["softmax_output"])]
    assert epochs[1][2]["fc_weight"].asnumpy().shape == (10, 4)
    assert 0 < dict(mod.score(batches, Spread()))["spread"] < 1


def test_the_states_of_modules_are_read_through_private_attributes():
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
    for contexts in (mx.cpu(0), [mx.cpu(0), mx.cpu(1)]):
        mod = mx.mod.Module(net, label_names=None, context=contexts)
        assert mod._updater is None
        mod.bind([("data", (4, 3))])
        mod.init_params()
        mod.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
        mod.forward(mx.io.DataBatch([np.ones((4, 3))]), is_train=True)
        mod.backward([mx.nd.ones((4, 2))])
        mod.update()
        updater = mod._updater if contexts == mx.cpu(0) else mod._kvstore._updater
        np.testing.assert_allclose(updater.states[1].asnumpy(), [-0.1, -0.1])
        assert updater.get_states() == mod._updater.get_states()
