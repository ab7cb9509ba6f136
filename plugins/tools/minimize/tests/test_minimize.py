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
    assert (result.success, result.nit) == (False, 5)


def test_a_function_that_is_not_finite_ends_it_where_it_is() -> None:
    with np.errstate(all="ignore"):
        result = mx.minimize(lambda x: (float(x @ x), 2 * x), [1e200], "sgd", learning_rate=1e200)
    assert (result.success, result.message) == (False, "the value or the gradient is not finite")


def test_a_callback_sees_every_step_and_may_stop() -> None:
    seen: list[Any] = []

    def stop(result: Any) -> None:
        seen.append((result.nit, result.fun))
        if result.nit == 3:
            raise StopIteration

    result = mx.minimize(bowl, np.zeros(2), "sgd", learning_rate=0.25, callback=stop)
    assert [nit for nit, _ in seen] == [1, 2, 3]
    assert (result.success, result.message, result.nit) == (True, "the callback stopped it", 3)
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
        ({"x0": [np.ones(1), np.ones(1)], "fun": lambda x: (0.0, [np.ones(1)])}, "no gradient has the path 1"),
        ({"x0": [np.ones(1)], "fun": lambda x: (0.0, [np.ones(1)] * 2)}, "no weight has the path 1"),
    ],
)
def test_what_is_wrong_is_said(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        mx.minimize(**{"fun": bowl, "x0": np.zeros(2), **arguments})
