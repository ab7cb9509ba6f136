"""The example from MXNet's documentation, line by line, on data of the same shapes."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.filterwarnings("error")
def test_the_example_of_the_page_runs_as_it_stands() -> None:
    # fmt: off
    data = mx.symbol.Variable('data')
    label = mx.symbol.Variable('softmax_label')
    fc = mx.symbol.FullyConnected(data, name='fc', num_hidden=10)
    loss = mx.symbol.SoftmaxOutput(fc, label, name='softmax')
    mod = mx.mod.Module(loss)
    mod.bind(data_shapes=[('data', (128,20))], label_shapes=[('softmax_label', (128,))])
    mod.init_params(mx.initializer.Uniform(scale=1.0))
    # fmt: on

    parameters, _ = mod.get_params()
    assert parameters["fc_weight"].shape == (10, 20)
    assert 0.9 < abs(parameters["fc_weight"]).max() <= 1
    assert not parameters["fc_bias"].any()

    # fmt: off
    lr_sch = mx.lr_scheduler.FactorScheduler(step=100, factor=0.9)
    mod.init_optimizer(
        optimizer='sgd', optimizer_params=(('learning_rate', 0.1), ('lr_scheduler', lr_sch)))
    # fmt: on

    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(128 * 20, 20))
    labels = (inputs @ rng.normal(size=(20, 10))).argmax(axis=1)
    rates: list[float] = []
    before = mod.score(mx.io.NDArrayIter(inputs, labels, batch_size=128), "acc")[0][1]
    mod.fit(
        mx.io.NDArrayIter(inputs, labels, batch_size=128),
        num_epoch=10,
        batch_end_callback=lambda at: rates.append(at.locals["self"].optimizer.learning_rate),
    )
    after = mod.score(mx.io.NDArrayIter(inputs, labels, batch_size=128), "acc")[0][1]
    assert rates == [pytest.approx(0.1)] * 100 + [pytest.approx(0.09)] * 100
    assert before < 0.2 < 0.7 < after
