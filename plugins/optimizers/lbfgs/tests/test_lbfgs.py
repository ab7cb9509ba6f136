"""L-BFGS searches along its steps, goes back from where a function is not finite, and resumes to the bit."""

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from mxcore_optimizer_lbfgs.wolfe import Point, strong_wolfe

import mxcore as mx


def rosenbrock(x: Any) -> tuple[float, Any]:
    return float(scipy.optimize.rosen(x)), scipy.optimize.rosen_der(x)


def barrier(x: Any) -> tuple[float, Any]:
    """Return the value and gradient of a function that is not defined at 0 and below."""
    with np.errstate(all="ignore"):
        return float((x - np.log(x)).sum()), 1 - 1 / x


def curved(x: Any) -> tuple[float, Any]:
    scales = 10.0 ** np.arange(len(x))
    return float((scales * (np.cosh(x - 1) - 1)).sum()), scales * np.sinh(x - 1)


@pytest.mark.parametrize(
    ("function", "first"),
    [
        (rosenbrock, np.array([-1.2, 1.0, 0.7, -0.3, 2.0])),
        (curved, np.zeros(5)),
        (barrier, np.array([2.0, 1.5, 3.0])),
    ],
)
def test_it_finds_the_minimum_of_scipy_with_about_as_many_evaluations(function: Any, first: Any) -> None:
    options = {"gtol": 1e-5, "ftol": 0, "maxcor": 10}
    theirs = scipy.optimize.minimize(function, first, method="L-BFGS-B", jac=True, options=options)
    ours = mx.minimize(function, first, "lbfgs", gtol=1e-5)
    assert (ours.success, ours.message) == (True, "the gradient is within gtol")
    np.testing.assert_allclose(ours.x, theirs.x, atol=2e-5)
    assert ours.nfev <= 1.5 * theirs.nfev + 5
    assert (np.diff(ours.values) < 0).all()


@pytest.mark.parametrize("first", [1e-8, 1e-3, 30.0])
def test_it_goes_back_from_where_a_function_is_not_finite(first: float) -> None:
    asked: list[float] = []

    def function(x: Any) -> tuple[float, Any]:
        asked.append(float(x.min()))
        return barrier(x)

    result = mx.minimize(function, [first, 20.0, 0.5], "lbfgs", gtol=1e-6)
    assert result.success
    np.testing.assert_allclose(result.x, 1.0, atol=1e-5)
    assert min(asked) < 0


def test_every_step_meets_the_strong_wolfe_conditions() -> None:
    places = [(np.array([-1.2, 1.0]), *rosenbrock(np.array([-1.2, 1.0])))]
    mx.minimize(
        rosenbrock, places[0][0], "lbfgs", steps=30, callback=lambda at: places.append((at.x + 0, at.fun, at.jac))
    )
    for (x, value, grad), (moved, lower, slope) in itertools.pairwise(places):
        before = float(grad @ (moved - x))
        assert lower <= value + 1e-4 * before + 1e-15
        assert abs(float(slope @ (moved - x))) <= 0.9 * abs(before) * (1 + 1e-9)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 50.0, 1e4])
@pytest.mark.parametrize(
    "function",
    [
        lambda t: ((t - 1) ** 2, 2 * (t - 1)),
        lambda t: (-t / (t * t + 2), (t * t - 2) / (t * t + 2) ** 2),  # of Moré and Thuente
        lambda t: (-np.log(t + 0.01) + t, -1 / (t + 0.01) + 1) if t < 3 else (np.nan, np.nan),
        lambda t: (t**4 - 3 * t**2 - t, 4 * t**3 - 6 * t - 1),
    ],
)
def test_a_search_from_any_scale_ends_where_it_should(function: Any, scale: float) -> None:
    def evaluate(part: float) -> Point:
        value, slope = function(part * scale)
        return Point(part, float(value) if np.isfinite(value) else np.inf, float(slope) * scale)

    start = evaluate(0.0)
    found = strong_wolfe(evaluate, start, resolution=0.0, evaluations=40)
    assert found is not None
    assert found.value <= start.value + 1e-4 * found.at * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_variables_may_be_in_containers(dtype: str) -> None:
    def function(x: Any) -> tuple[float, Any]:
        a, (b,) = x["a"], x["more"]
        return float((a * a).sum() + (a[0] - b) ** 4), {
            "a": 2 * a + np.array([4 * (a[0] - b) ** 3, 0], dtype),
            "more": [-4 * (a[0] - b) ** 3],
        }

    first = {"a": np.array([3.0, -2.0], dtype), "more": [np.array(1.0, dtype)]}
    result = mx.minimize(function, first, "lbfgs", gtol=1e-4)
    assert result.success
    assert {result.x["a"].dtype.name, result.x["more"][0].dtype.name} == {dtype}
    assert abs(result.x["a"]).max() < 1e-3
    assert list(result.updater.states) == ["a", "more.0"]


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_a_function_does_not_matter_even_in_single_precision(scale: float) -> None:
    curvatures = np.array([1, 10, 100], "float32")

    def function(x: Any) -> tuple[float, Any]:
        slopes = scale * curvatures * (x - 3)
        return float(np.float32(slopes @ (x - 3) / 2)), slopes.astype("float32")

    result = mx.minimize(function, np.zeros(3, "float32"), "lbfgs", gtol=1e-4 * scale)
    assert result.success
    assert result.nfev < 30
    np.testing.assert_allclose(result.x, 3, rtol=1e-4)


def test_resuming_is_exact() -> None:
    first = np.array([-1.2, 1.0, 0.5])
    through = mx.minimize(rosenbrock, first, "lbfgs", history_size=3, steps=12)
    begun = mx.minimize(rosenbrock, first, "lbfgs", history_size=3, steps=7)
    again = mx.optimizer.get_updater(mx.optimizer.create("lbfgs", history_size=3))
    again.set_states(begun.updater.get_states())
    resumed = mx.minimize(rosenbrock, begun.x, again, steps=5)
    assert resumed.x.tobytes() == through.x.tobytes()
    assert again.optimizer.num_update == 12


def test_it_ends_where_no_value_is_lower() -> None:
    result = mx.minimize(rosenbrock, [-1.2, 1.0], "lbfgs")
    assert (result.success, result.message) == (True, "no lower value was found")
    np.testing.assert_allclose(result.x, 1.0, atol=1e-7)
    assert result.nit < 60
    assert result.updater.optimizer.num_update == result.nit


def test_a_wrong_gradient_leads_nowhere_and_is_no_success() -> None:
    result = mx.minimize(lambda x: (float(x @ x), -2 * x), [3.0], "lbfgs", gtol=1e-6)
    assert (result.success, result.nit, result.x.tolist()) == (False, 0, [3.0])


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ((1.0, np.ones(3)), ValueError, r"the gradient has shape \(3,\), but the weight has shape \(2,\)"),
        ((1.0, None), ValueError, "'x' had a gradient where the search starts, but has none now"),
        (ZeroDivisionError("of the function"), ZeroDivisionError, "of the function"),
    ],
)
def test_an_error_during_a_search_leaves_everything_as_it_was(bad: Any, error: Any, message: str) -> None:
    weights, calls = {"x": np.array([3.0, -4.0])}, 0

    def function(at: Any) -> tuple[float, Any]:
        nonlocal calls
        calls += 1
        if calls <= 2:
            return float(at["x"] ** 2 @ [1, 50]), {"x": 2 * np.array([1, 50]) * at["x"]}
        if isinstance(bad, Exception):
            raise bad
        return bad[0], {"x": bad[1]}

    update = mx.optimizer.get_updater(mx.optimizer.create("lbfgs"))
    found = update.search(function, weights)
    before = weights["x"].copy()
    assert calls == 2
    with pytest.raises(error, match=message):
        update.search(function, weights, found)
    assert weights["x"].tolist() == before.tolist()
    assert update.optimizer.num_update == 1


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("wd", {"wd": 0.1}),
        ("wd", {"groups": {"x": {"wd": 0.1}}}),
        ("clip_gradient", {"clip_gradient": 1.0}),
        ("rescale_grad", {"rescale_grad": 0.5}),
        ("accumulate", {"accumulate": 2}),
        ("maximize", {"maximize": True}),
    ],
)
def test_a_search_refuses_what_changes_gradients(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"a line search needs {name}=.*: let the function do it"):
        mx.minimize(rosenbrock, [-1.2, 1.0], "lbfgs", **settings)


def test_a_start_that_is_not_finite_is_an_error() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("lbfgs"))
    with pytest.raises(ValueError, match="the function must be finite where a search starts, got nan"):
        update.search(lambda at: (np.nan, [np.ones(1)]), [np.zeros(1)])


def test_an_ordinary_call_takes_the_whole_step_and_needs_all_parameters() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("lbfgs"))
    weights, curvatures = [np.array([3.0]), np.array([-1.0])], (2.0, 2.0)
    update([0, 1], [c * w for c, w in zip(curvatures, weights, strict=True)], weights)
    np.testing.assert_allclose(weights, [[3.0 - 6 / 8], [-1.0 + 2 / 8]])  # the gradient over its sum
    update([0, 1], [c * w for c, w in zip(curvatures, weights, strict=True)], weights)
    np.testing.assert_allclose(weights, [[0.0], [0.0]], atol=1e-15)  # Newton's step
    with pytest.raises(ValueError, match="looks at all parameters of a model together"):
        update(0, np.ones(1), weights[0])
    with pytest.raises(ValueError, match="LBFGS updates all parameters of a call at once, and cannot be wrapped"):
        mx.optimizer.create("lookahead(lbfgs)")
