"""Optimizers, schedules and initializers of mxcore in thinc: calls, counts, names, averages, files, and errors."""

from pathlib import Path
from typing import Any

import mxcore_thinc
import numpy as np
import pytest
from thinc.api import Adam, Config, Model, Relu, Softmax, chain, fix_random_seed, registry

import mxcore as mx

X = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[X[:, :3].argmax(1)]


def network(seed: int = 0) -> Any:
    fix_random_seed(seed)
    model: Model[Any, Any] = chain(Relu(16), Softmax())
    return model.initialize(X, Y)


def train(model: Any, optimizer: Any, steps: range) -> None:
    for _ in steps:
        predicted, backprop = model.begin_update(X)
        backprop((predicted - Y) / len(X))
        model.finish_update(optimizer)
        optimizer.step_schedules()


def weights(model: Any) -> list[Any]:
    return [layer.get_param(name).copy() for layer in model.walk() for name in layer.param_names]


def test_thinc_finds_them_by_name() -> None:
    config = """
    [optimizer]
    @optimizers = "mxcore.v1"
    name = "lookahead(adamw, k=5)"

    [optimizer.arguments]
    wd = 0.01
    groups = [[".*b", {"wd": 0}]]

    [optimizer.arguments.learning_rate]
    @schedules = "mxcore.v1"
    name = "poly"
    arguments = {"max_update": 100, "base_lr": 0.02}
    """
    optimizer = registry.resolve(Config().from_str(config))["optimizer"]
    assert isinstance(optimizer, mxcore_thinc.ThincOptimizer)
    model = network()
    key = next((layer.id, "b") for layer in model.walk() if layer.has_param("b"))
    train(model, optimizer, range(30))
    assert (model.predict(X).argmax(1) == Y.argmax(1)).mean() > 0.75
    rate = mx.lr_scheduler.create("poly", max_update=100, base_lr=0.02)
    found = optimizer.learn_rate  # a schedule in thinc 9
    assert (found(31) if callable(found) else found) == rate(31)
    assert optimizer.optimizer.settings_of(key)["wd"] == 0


@pytest.mark.parametrize("arguments", [{"learning_rate": 0.01}, {"learning_rate": 0.01, "clip_global_norm": 1e9}])
def test_its_adam_is_thincs(arguments: dict[str, Any]) -> None:
    ours, theirs = network(), network()
    train(ours, mxcore_thinc.create_optimizer("adam", arguments), range(20))
    train(theirs, Adam(0.01, L2=0.0, grad_clip=0.0, use_averages=False, eps=1e-8), range(20))
    for one, other in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_call_zeroes_the_gradient_and_returns_both_arrays() -> None:
    optimizer = mxcore_thinc.create_optimizer("sgd", {"learning_rate": 0.5})
    weight, grad = np.ones((2, 2), np.float32), np.ones((2, 2), np.float32)
    returned = optimizer((7, "W"), weight, grad)
    assert returned[0] is weight
    assert returned[1] is grad
    np.testing.assert_array_equal(weight, 0.5)
    np.testing.assert_array_equal(grad, 0)
    optimizer((7, "W"), weight, np.ones((2, 2), np.float32), lr_scale=0.5)
    np.testing.assert_array_equal(weight, 0.25)
    empty = np.zeros((0, 3), np.float32)
    optimizer((8, "W"), empty, empty)
    assert (8, "W") not in optimizer.updater.states


def test_what_needs_all_parameters_is_updated_when_the_schedules_move_on() -> None:
    optimizer = mxcore_thinc.create_optimizer("sgd", {"learning_rate": 1.0, "clip_global_norm": 5.0})
    first, second = np.zeros(1, np.float32), np.zeros(1, np.float32)
    grads = [np.array([30.0], np.float32), np.array([40.0], np.float32)]
    optimizer((1, "W"), first, grads[0])
    with pytest.raises(ValueError, match="updates all parameters together: end the step before"):
        optimizer((1, "W"), first, grads[0])
    optimizer((2, "W"), second, grads[1])
    optimizer.step_schedules()
    np.testing.assert_allclose([first, second], [[-3], [-4]], rtol=1e-6)
    np.testing.assert_array_equal(grads, 0)


def test_averages_have_thincs_decay() -> None:
    ours = mxcore_thinc.create_optimizer("sgd", {"learning_rate": 0.1}, use_averages=True)
    weight, average = np.ones(3, np.float32), None
    for update in range(1, 31):
        ours((1, "W"), weight, np.full(3, 0.5, np.float32))
        decay = min((1 + update) / (10 + update), 0.9999)
        average = weight.copy() if average is None else decay * average + (1 - decay) * weight
    assert ours.averages is not None
    assert dict(ours.averages).keys() == {(1, "W")}
    np.testing.assert_allclose(ours.averages[1, "W"], average, rtol=1e-5)
    assert mxcore_thinc.create_optimizer("adam").averages is None


def test_averages_are_used_for_evaluation() -> None:
    model, optimizer = network(), mxcore_thinc.create_optimizer("schedulefreesgd", {"learning_rate": 0.5})
    train(model, optimizer, range(20))
    trained = weights(model)
    assert optimizer.averages is not None
    with model.use_params(optimizer.averages):
        evaluated = weights(model)
    assert any((one != other).any() for one, other in zip(trained, evaluated, strict=True))
    for one, other in zip(trained, weights(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_resumes_to_the_bit_with_other_layer_numbers(tmp_path: Path) -> None:
    def create() -> Any:
        schedule = registry.get("schedules", "warmup_linear.v1")(0.02, 5, 40)
        return mxcore_thinc.create_optimizer("adamw", {"learning_rate": schedule, "wd": 0.01}, use_averages=True)

    through, optimizer = network(), create()
    train(through, optimizer, range(20))
    first, optimizer = network(), create()
    train(first, optimizer, range(8))
    mxcore_thinc.save(tmp_path / "optimizer", optimizer, first)
    second, again = network(), create()
    assert [layer.id for layer in second.walk()] != [layer.id for layer in first.walk()]
    second.from_bytes(first.to_bytes())
    mxcore_thinc.load(tmp_path / "optimizer", again, second)
    train(second, again, range(8, 20))
    for one, other in zip(weights(second), weights(through), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="does not fit"):
        mxcore_thinc.load(tmp_path / "optimizer", mxcore_thinc.create_optimizer("sgd"), second)


def test_names_say_where_a_parameter_is() -> None:
    model = network()
    names = mxcore_thinc.name_parameters(model)
    assert list(names.values()) == ["model.1.relu.W", "model.1.relu.b", "model.2.softmax.W", "model.2.softmax.b"]
    optimizer = mxcore_thinc.create_optimizer("sgd", {"groups": [[".*relu.*", {"lr": 0.0}]], "learning_rate": 0.1})
    before = weights(model)
    train(model, optimizer, range(2))
    moved = [bool((one != other).any()) for one, other in zip(before, weights(model), strict=True)]
    assert moved == [False, False, True, True]


def test_initializers_follow_thincs_seed() -> None:
    initialize = registry.get("initializers", "mxcore.v1")("orthogonal", {"scale": 1.0})
    found = []
    for seed in (1, 1, 2):
        fix_random_seed(seed)
        layer: Model[Any, Any] = Relu(4, 4, init_W=initialize)
        found.append(layer.initialize().get_param("W"))
    np.testing.assert_allclose(found[0] @ found[0].T, np.eye(4), atol=1e-5)
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_a_schedule_serves_thincs_own_optimizer() -> None:
    model, optimizer = (
        network(),
        Adam(registry.get("schedules", "mxcore.v1")("cosine", {"max_update": 20, "base_lr": 0.02})),
    )
    train(model, optimizer, range(20))
    assert (model.predict(X).argmax(1) == Y.argmax(1)).mean() > 0.75
