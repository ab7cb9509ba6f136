"""Functions are minimized by any optimizer, in any containers, and every end is said."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx

TARGET = np.array([3.0, -1.0])


def bowl(x: Any) -> tuple[float, Any]:
    return float(((x - TARGET) ** 2).sum()), 2 * (x - TARGET)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lookahead(nag)", "average(sgd, beta=0.9)"])
def test_it_finds_the_minimum(optimizer: str) -> None:
    result = mx.minimize(bowl, [0.0, 0.0], optimizer, learning_rate=0.1, steps=2000)
    np.testing.assert_allclose(result.x, TARGET, atol=1e-3)
    assert (result.success, result.message, result.nit) == (True, "all steps were taken", 2000)
    assert result.fun == pytest.approx(bowl(result.x)[0], abs=1e-15)
    assert result.values[0] == 10


def test_it_takes_nested_variables_and_leaves_what_it_was_given_as_it_is() -> None:
    def two(x: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        a, (b,) = x["a"], x["more"]
        return float(a @ a + (b - 1) ** 2), {"a": 2 * a, "more": [2 * (b - 1)]}

    begin = {"a": np.ones(2, np.float32), "more": [np.array(5.0)]}
    result = mx.minimize(two, begin, "sgd", learning_rate=0.25, gtol=1e-6)
    assert begin["a"].tolist() == [1, 1]
    assert result.x["a"].dtype == np.float32
    assert float(result.x["more"][0]) == pytest.approx(1)
    assert list(result.updater.states) == ["a", "more.0"]


def test_the_gradient_may_be_a_function_and_both_take_arguments() -> None:
    result = mx.minimize(
        lambda x, scale: scale * float(x @ x),
        np.ones(2),
        "sgd",
        jac=lambda x, scale: 2 * scale * x,
        args=(0.5,),
        learning_rate=0.5,
        gtol=1e-9,
    )
    assert (result.success, result.message) == (True, "the gradient is within gtol")
    assert result.nfev == result.nit + 1


def test_a_tolerance_that_is_not_reached_is_no_success() -> None:
    result = mx.minimize(bowl, np.zeros(2), "sgd", learning_rate=1e-3, steps=5, gtol=1e-9)
    assert (result.success, result.status, result.nit) == (False, 1, 5)


def test_the_values_of_a_long_run_are_those_of_its_steps() -> None:
    seen: list[float] = []
    result = mx.minimize(
        bowl, np.zeros(2), "sgd", learning_rate=1e-3, steps=300, callback=lambda at: seen.append(at.fun)
    )
    assert result.values.tolist() == [10.0, *seen[:-1]]


@pytest.mark.parametrize("optimizer", ["average(sgd, beta=0.9)", "schedulefreesgd"])
def test_the_tolerance_holds_where_evaluation_weights_are(optimizer: str) -> None:
    result = mx.minimize(bowl, np.zeros(2), optimizer, learning_rate=0.1, steps=5000, gtol=1e-2)
    assert (result.status, result.message) == (0, "the gradient is within gtol")
    assert abs(bowl(result.x)[1]).max() <= 1e-2
    assert result.nfev > result.nit + 1, "the gradient at the evaluation weights was looked at too"


def ellipse(x: Any) -> tuple[float, Any]:
    grad = 2 * np.array([[1.0, 0.5], [0.5, 3.0]]) @ (x - TARGET)
    return float((x - TARGET) @ grad) / 2, grad


@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "lookahead(adam)", "rmsprop", "cautious(adabelief)"])
def test_a_projection_to_bounds_finds_the_minimum_within_them(optimizer: str) -> None:
    seen: list[Any] = []

    def watched(x: Any) -> tuple[float, Any]:
        seen.append(x.copy())
        return ellipse(x)

    schedule = mx.lr_scheduler.create("factor", step=20, factor=0.9, base_lr=0.05)
    limits = {"project": lambda x: x.clip(-2, 1), "gtol": 1e-6}
    result = mx.minimize(watched, [9.0, 0.0], optimizer, lr_scheduler=schedule, **limits)
    assert result.status == 0
    assert (np.abs(np.array(seen) + 0.5) <= 1.5).all(), "x0 is projected as well"
    np.testing.assert_allclose(result.x, [1, -1 + 2 * 0.5 / 3], atol=1e-6)
    assert abs(result.jac).max() > 1, "only the projected gradient is small"


def test_a_projection_to_other_sets_is_right_where_elements_are_scaled_alike() -> None:
    def disk(x: Any) -> Any:
        return x / max(1.0, float(np.linalg.norm(x)))

    circle = np.array([np.cos(angles := np.linspace(0, 2 * np.pi, 100_001)), np.sin(angles)]).T
    best = min(circle, key=lambda x: ellipse(x)[0])
    for optimizer in ("sgd", "nag"):
        result = mx.minimize(ellipse, [9.0, 9.0], optimizer, learning_rate=0.05, gtol=1e-8, project=disk)
        assert result.status == 0
        np.testing.assert_allclose(result.x, best, atol=1e-4)
    assert mx.minimize(ellipse, [9.0, 9.0], "adam", learning_rate=0.05, gtol=1e-8, project=disk).status == 1


def test_a_projection_takes_nested_variables() -> None:
    def two(x: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        (b,) = x["more"]
        return float((x["a"] ** 2).sum() - b), {"a": 2 * x["a"], "more": [np.array(-1.0)]}

    result = mx.minimize(
        two,
        {"a": np.ones(2, np.float32), "more": [np.array(5.0)]},
        "sgd",
        learning_rate=0.25,
        gtol=1e-6,
        project=lambda x: {"a": x["a"], "more": [min(x["more"][0], 7.0)]},
    )
    assert result.status == 0
    assert float(result.x["more"][0]) == 7


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("lbfgs", "LBFGS cannot keep bounds: it searches along lines, which leave them; use another optimizer"),
        (
            "average(sgd)",
            "Average cannot keep bounds: its evaluation weights don't know of them; use another optimizer",
        ),
        ("lookahead(asgd)", "Lookahead cannot keep bounds: its evaluation weights"),
    ],
)
def test_optimizers_that_a_projection_would_mislead_refuse_it(optimizer: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.minimize(bowl, np.zeros(2), optimizer, project=lambda x: x)


def test_a_function_that_is_not_finite_ends_it_where_it_is() -> None:
    with np.errstate(all="ignore"):
        result = mx.minimize(lambda x: (float(x @ x), 2 * x), [1e200], "sgd", learning_rate=1e200)
    assert (result.success, result.status) == (False, 3)
    assert result.message == "the value or the gradient is not finite"


def test_a_callback_sees_every_step_and_may_stop() -> None:
    seen: list[Any] = []

    def stop(result: Any) -> None:
        seen.append((result.nit, result.fun))
        if result.nit == 3:
            raise StopIteration

    result = mx.minimize(bowl, np.zeros(2), "sgd", learning_rate=0.25, callback=stop)
    assert [nit for nit, _ in seen] == [1, 2, 3]
    assert (result.success, result.message, result.nit) == (True, "the callback stopped it", 3)
    assert result.status == 99
    assert seen[-1][1] == result.fun


def test_averages_are_what_it_returns() -> None:
    result = mx.minimize(bowl, np.zeros(2), "average(sgd)", beta=None, learning_rate=0.25, steps=3)
    path = [3 * (1 - 0.5**n) for n in (1, 2, 3)]
    assert result.x[0] == pytest.approx(np.mean(path))
    assert result.fun == bowl(result.x)[0]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_it_goes_on_with_the_updater_of_a_result(optimizer: str) -> None:
    def valley(x: Any) -> tuple[float, Any]:
        return float((x**4).sum() + x @ TARGET), 4 * x**3 + TARGET

    through = mx.minimize(valley, [0.5, 2.0], optimizer, steps=6)
    first = mx.minimize(valley, [0.5, 2.0], optimizer, steps=2)
    second = mx.minimize(valley, first.x, first.updater, steps=4)
    assert second.x.tolist() == through.x.tolist()
    assert second.updater is first.updater
    with pytest.raises(TypeError, match="an updater takes no 'learning_rate': assign it to updater.optimizer"):
        mx.minimize(valley, first.x, first.updater, learning_rate=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fun": lambda x: 3.0}, r"fun must return \(value, gradient\), got float: or give the gradient as jac="),
        ({"steps": -1}, "steps must be an integer of at least 0, got -1"),
        ({"gtol": -1.0}, "gtol must be at least 0, got -1"),
        ({"learning_rat": 1.0}, "did you mean 'learning_rate'"),
        ({"fun": lambda x: (0.0, np.ones(3))}, r"has shape \(3,\)"),
        ({"optimizer": "sam(sgd)"}, "needs two gradients for each step: call first_step and second_step yourself"),
        ({"optimizer": mx.SAM("sgd")}, "needs two gradients for each step"),
        ({"project": lambda x: x[:1]}, r"project must return arrays like those of x0: x is \(2,\), got \(1,\)"),
        ({"project": lambda x: None}, r"project must return arrays like those of x0: x is \(2,\), got None"),
        ({"x0": [np.ones(1), np.ones(1)], "fun": lambda x: (0.0, [np.ones(1)])}, "no gradient has the path 1"),
        ({"x0": [np.ones(1)], "fun": lambda x: (0.0, [np.ones(1)] * 2)}, "no weight has the path 1"),
    ],
)
def test_what_is_wrong_is_said(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        mx.minimize(**{"fun": bowl, "x0": np.zeros(2), **arguments})
