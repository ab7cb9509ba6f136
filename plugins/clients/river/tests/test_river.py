"""Optimizers, schedules and initializers of mxcore in river: scores, counts, copies, schedules and refusals."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from river import checks, datasets, evaluate, facto, linear_model, metrics, optim, preprocessing, reco, utils

import mxcore as mx

SPARSE = [{"red": 1.0, "round": 0.5}, {"round": -1.0}, {"sweet": 2.0, "red": 0.1}, {"round": 0.3, "red": -0.2}] * 5


def pipeline(optimizer: Any, model: Any = linear_model.LogisticRegression) -> Any:
    return preprocessing.StandardScaler() | model(optimizer)


def score(model: Any, data: Any, metric: Any) -> float:
    found = evaluate.progressive_val_score(data, model, metric)
    return float(found.get())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: mx.river.Optimizer("adam", 0.01), lambda: optim.Adam(0.01)),
        (lambda: mx.river.Optimizer("sgd", 0.05), lambda: optim.SGD(0.05)),
        (lambda: mx.river.Optimizer("sgd", 0.02, momentum=0.9), lambda: optim.Momentum(0.02, 0.9)),
        (
            lambda: mx.river.Optimizer("adam", optim.schedulers.InverseScaling(0.1)),
            lambda: optim.Adam(optim.schedulers.InverseScaling(0.1)),
        ),
    ],
)
def test_it_scores_as_rivers_own(ours: Any, theirs: Any) -> None:
    for model, data, metric in [
        (linear_model.LogisticRegression, datasets.Phishing(), metrics.Accuracy),
        (linear_model.LinearRegression, datasets.TrumpApproval(), metrics.MAE),
    ]:
        found = [score(pipeline(make(), model), data, metric()) for make in (ours, theirs)]
        assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_a_factorization_machine_learns_as_with_rivers_adam() -> None:
    found = []
    for make in (lambda: mx.river.Optimizer("adam", 0.01), lambda: optim.Adam(0.01)):
        model = preprocessing.StandardScaler() | facto.FMRegressor(4, make(), make(), seed=1)
        found.append(score(model, datasets.TrumpApproval(), metrics.MAE()))
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_features_that_come_late_use_the_count_of_the_optimizer() -> None:
    ours, theirs = mx.river.Optimizer("adam", 0.1), optim.Adam(0.1)
    for kind in (dict, utils.VectorDict):
        for optimizer in (ours, theirs):
            optimizer.weights = dict.fromkeys(("red", "round", "sweet"), 1.0)
        for gradient in SPARSE:
            for optimizer in (ours, theirs):
                weights = kind({key: optimizer.weights[key] for key in gradient})
                optimizer._step_with_dict(weights, kind(gradient))
                optimizer.n_iterations += 1
                optimizer.weights.update({key: weights[key] for key in gradient})
        assert ours.weights == pytest.approx(theirs.weights, rel=1e-9)


def test_weights_may_be_arrays_or_hold_arrays() -> None:
    ours, theirs = mx.river.Optimizer("adam", 0.1), optim.Adam(0.1)
    both = [np.zeros(3), np.zeros(3)]
    for _ in range(3):
        for optimizer, weights in zip((ours, theirs), both, strict=True):
            assert optimizer.step(weights, np.array([1.0, -2.0, 3.0])) is weights
    np.testing.assert_allclose(*both, rtol=1e-6)
    data = [({"user": user, "item": item}, float(user * item % 5)) for user in range(8) for item in range(9)] * 3
    found = []
    for make in (lambda: mx.river.Optimizer("adam", 0.05), lambda: optim.Adam(0.05)):
        model = reco.FunkMF(n_factors=3, optimizer=make(), initializer=optim.initializers.Normal(0, 0.1, seed=1))
        for x, y in data:
            model.learn_one(**x, y=y)
        found.append([model.predict_one(**x) for x, _ in data[:72]])
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_mini_batches_learn_as_with_rivers_adam() -> None:
    import pandas as pd

    rng, found = np.random.default_rng(0), []
    X = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    y = X["a"] - 2 * X["d"]
    for optimizer in (mx.river.Optimizer("adam", 0.05), optim.Adam(0.05)):
        model = linear_model.LinearRegression(optimizer)
        for start in range(0, 200, 20):
            model.learn_many(X[start : start + 20], y[start : start + 20])
        found.append(model.weights)
    assert found[0] == pytest.approx(found[1], rel=1e-7)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))])
@pytest.mark.parametrize("name", ["nadam", "lookahead(adam, k=3)"])
def test_a_copy_goes_on_with_the_same_bits_and_a_clone_starts_anew(name: str, copied: Any) -> None:
    data = list(datasets.Phishing())
    optimizer = mx.river.Optimizer(name, lr=optim.schedulers.InverseScaling(0.1))
    model = pipeline(optimizer)
    for x, y in data[:100]:
        model.learn_one(x, y)
    second, fresh = copied(model), model.clone()
    for x, y in data[100:150]:
        model.learn_one(x, y)
        second.learn_one(x, y)
    ours, copies = (one["LogisticRegression"] for one in (model, second))
    assert ours.weights == copies.weights
    assert copies.optimizer.n_iterations == 150
    begun = fresh["LogisticRegression"].optimizer
    assert (begun.n_iterations, begun.name, begun.lr.learning_rate) == (0, name, 0.1)
    again, other = pipeline(mx.river.Optimizer(name, lr=optim.schedulers.InverseScaling(0.1))), fresh
    for x, y in data[:20]:
        again.learn_one(x, y)
        other.learn_one(x, y)
    assert again["LogisticRegression"].weights == other["LogisticRegression"].weights


def test_the_learning_rate_may_be_a_schedule_of_either_library_and_be_mutated() -> None:
    cosine = mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.5)
    by_us = mx.river.Optimizer("sgd", cosine)
    by_river = mx.river.Optimizer("sgd", lr_scheduler=cosine)
    theirs = optim.SGD(mx.river.Scheduler("cosine", max_update=10, base_lr=0.5))
    weights = []
    for optimizer in (by_us, by_river, theirs):
        found = {"red": 0.0}
        for _ in range(8):
            optimizer.step(found, {"red": 1.0})
        weights.append(found["red"])
        assert optimizer.learning_rate == cosine(9)
    assert weights[0] == weights[1] == pytest.approx(weights[2], rel=1e-12)
    assert weights[0] == pytest.approx(-math.fsum(cosine(n) for n in range(1, 9)))

    model = linear_model.LinearRegression(mx.river.Optimizer("sgd", 1.0))
    model.mutate({"optimizer": {"lr": {"learning_rate": 0.25}}})
    found = {"red": 0.0}
    model.optimizer.step(found, {"red": 1.0})
    model.mutate({"optimizer": {"lr": 0.5}})
    model.optimizer.step(found, {"red": 1.0})
    assert found == {"red": -0.75}
    assert model.optimizer.learning_rate == 0.5
    with pytest.raises(ValueError, match="give lr or learning_rate, not both"):
        mx.river.Optimizer("sgd", 0.1, learning_rate=0.2)
    assert mx.river.Optimizer("adam").learning_rate == 0.001


def test_hyper_parameters_and_wrappers_reach_the_optimizer() -> None:
    optimizer = mx.river.Optimizer("lookahead(sgd, k=2)", 1.0, wd=0.5, alpha=0.5)
    weights = {"red": 1.0}
    optimizer.step(weights, {"red": 0.0})
    assert weights == {"red": 0.5}  # weight decay alone
    optimizer.step(weights, {"red": 0.0})
    assert weights == {"red": 0.625}  # half the way from 1 to 0.25


def test_evaluation_weights_are_averages_if_the_optimizer_has_any() -> None:
    ours, theirs = mx.river.Optimizer("schedulefreesgd", 0.1), mx.river.Optimizer("adam")
    weights = {"red": 1.0, "round": 2.0}
    for gradient in SPARSE[:2]:
        ours.step(weights, gradient)
    averages = ours.evaluation_weights(weights)
    assert averages.keys() == weights.keys()
    assert averages != weights
    assert theirs.evaluation_weights(weights) == weights


def test_initializers_draw_what_the_seed_says() -> None:
    def draw(seed: Any) -> Any:
        initialize = mx.river.Initializer("normal", seed=seed, sigma=2.0)
        return [initialize() for _ in range(1000)], initialize(3)

    numbers, array = draw(1)
    assert isinstance(numbers[0], float)
    assert np.std(numbers) == pytest.approx(2, abs=0.2)
    assert array.shape == (3,)
    assert draw(1)[0] == numbers
    assert draw(2)[0] != numbers
    assert draw(None)[0] != draw(None)[0]
    assert mx.river.Initializer("one")(2).tolist() == [1, 1]
    model = linear_model.LinearRegression(initializer=mx.river.Initializer("normal", seed=1, sigma=2.0))
    clones = [model.clone(), copy.deepcopy(model)]
    for one in clones:
        one.learn_one({"red": 0.0}, 0.0)
        assert one.weights == {"red": numbers[0]}


def test_an_optimizer_that_looks_at_all_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="LAMB doesn't update each element by itself.*: use one of .*adam"):
        mx.river.Optimizer("lamb")


@pytest.mark.parametrize("model", [linear_model.LogisticRegression, linear_model.LinearRegression])
def test_models_pass_rivers_checks(model: Any) -> None:
    found = model(mx.river.Optimizer("adam", 0.01), initializer=mx.river.Initializer("zero"))
    assert "Optimizer('adam', lr=" in repr(found.optimizer)
    for check in checks.yield_checks(found):
        if check.__name__ not in found._unit_test_skips():
            check(found.clone())
