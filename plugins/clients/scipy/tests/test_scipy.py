"""Methods for scipy.optimize.minimize: minima, counts, bounds, callbacks, options, batches, and continued runs."""

import functools
import pickle
import warnings
from typing import Any

import mxcore_scipy
import numpy as np
import pytest
from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning, basinhopping, minimize, rosen, rosen_der

import mxcore as mx

TARGET = np.array([3.0, -1.0])


def bowl(x: Any) -> Any:
    return ((x - TARGET) ** 2).sum()


def slope(x: Any) -> Any:
    return 2 * (x - TARGET)


def himmelblau(x: Any) -> tuple[float, Any]:
    a, b = x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7
    return a * a + b * b, np.array([4 * x[0] * a + 2 * b, 2 * a + 4 * x[1] * b])


def classes() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    features = np.c_[np.ones(200), rng.normal(size=(200, 3))]
    return features, (rng.random(200) < 1 / (1 + np.exp(-features @ [0.5, 1.0, -2.0, 0.0]))).astype(float)


def loss(w: Any, features: Any, labels: Any) -> tuple[float, Any]:
    scores = features @ w
    chances = 1 / (1 + np.exp(-scores))
    return np.logaddexp(0, scores).mean() - (labels * scores).mean(), features.T @ (chances - labels) / len(labels)


class Counted:
    """Counts the calls of a function."""

    def __init__(self, function: Any) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.function(*args)


@functools.cache
def minimum(size: int) -> Any:
    tight = {"ftol": 0, "gtol": 1e-9, "maxiter": 15000}
    return minimize(rosen, np.tile([-1.2, 1.0], size // 2), jac=rosen_der, method="L-BFGS-B", options=tight)


@pytest.mark.parametrize("size", [2, 10, 100])
@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [("adam", {"learning_rate": 0.05}), ("adabelief", {"learning_rate": 0.02}), ("lbfgs", {})],
)
def test_rosenbrock_ends_at_the_minimum_of_l_bfgs_b(size: int, optimizer: str, arguments: dict[str, Any]) -> None:
    start = np.tile([-1.2, 1.0], size // 2)
    fun, jac = Counted(rosen), Counted(rosen_der)
    found = minimize(fun, start, jac=jac, method=mx.scipy.method(optimizer, **arguments), tol=1e-8)
    best = minimum(size)
    np.testing.assert_allclose(found.x, best.x, atol=1e-6)
    assert found.fun == pytest.approx(best.fun, abs=1e-6)
    assert (found.success, found.status, found.message) == (True, 0, "the gradient is within gtol")
    assert abs(found.jac).max() <= 1e-8
    np.testing.assert_array_equal(found.jac, rosen_der(found.x))
    assert (found.nfev, found.njev) == (fun.calls, jac.calls)
    assert found.nfev == found.nit + 1 or optimizer == "lbfgs"
    assert start[0] == -1.2, "x0 has not changed"


@pytest.mark.parametrize(
    ("bounds", "start"),
    [
        (Bounds([-6, -6], [2.5, 1.5]), [0, 0]),
        ([(None, 2.5), (-6, 1.5)], [2, 1]),
        ([(-6, None), (None, 0)], [1, -1]),
        (Bounds(0, 10), [4, 4]),
        ([(-1, 1), (2, 2)], [0, 2]),
        (((-np.inf, -1.0), (-5.0, -4.0)), [3.0, 3.0]),  # which is outside
    ],
)
@pytest.mark.parametrize("derivative", [True, None])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_himmelblau_with_bounds(optimizer: str, derivative: Any, bounds: Any, start: Any) -> None:
    limits = bounds if isinstance(bounds, Bounds) else Bounds(*np.array(bounds, float).T)
    lower, upper = (np.nan_to_num(side, nan=end) for side, end in ((limits.lb, -np.inf), (limits.ub, np.inf)))

    def inside(x: Any) -> Any:
        assert (lower <= x).all()
        assert (x <= upper).all()
        value, grad = himmelblau(x)
        return (value, grad) if derivative else value

    rate = {"adam": 0.05, "sgd": 0.005}[optimizer]
    run = mx.scipy.method(optimizer, learning_rate=rate)
    found = minimize(inside, start, jac=derivative, method=run, bounds=bounds, tol=1e-5)
    best = minimize(himmelblau, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 0, "gtol": 1e-9})
    assert found.status == 0
    np.testing.assert_allclose(found.x, best.x, atol=1e-6)
    assert found.fun == pytest.approx(best.fun, abs=1e-6)


@pytest.mark.parametrize("derivative", [True, None])
def test_a_logistic_regression_with_arguments(derivative: Any) -> None:
    fun = Counted(loss if derivative else lambda *call: loss(*call)[0])
    run = mx.scipy.method("adam", learning_rate=0.1)
    found = minimize(fun, np.zeros(4), args=classes(), jac=derivative, method=run, tol=1e-7)
    best = minimize(loss, np.zeros(4), args=classes(), jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-9})
    assert found.status == 0
    np.testing.assert_allclose(found.x, best.x, atol=1e-6)
    assert found.nfev == fun.calls
    assert found.njev == found.nit + 1
    assert found.nfev == found.njev * (1 if derivative else 5), "finite differences call it once for each variable"


def test_finite_differences_take_the_step_that_is_asked_for() -> None:
    seen: list[Any] = []

    def kept(x: Any) -> Any:
        seen.append(x)
        return bowl(x)

    steps = {"finite_diff_rel_step": [1e-3, 1e-2], "maxiter": 0}
    minimize(kept, [2.0, 2.0], method=mx.scipy.method("adam"), options=steps)
    np.testing.assert_allclose(seen, [[2, 2], [2.002, 2], [2, 2.02]])
    found = minimize(bowl, np.zeros(2, np.float32), method=mx.scipy.method("adam", learning_rate=0.1), tol=1e-2)
    assert (found.status, found.x.dtype) == (0, np.float32)


def test_functions_may_keep_and_change_what_they_get() -> None:
    def rude(x: Any) -> Any:
        value = bowl(x)
        x[:] = np.nan
        return np.array([value])

    run = mx.scipy.method("sgd", learning_rate=0.25)
    found = minimize(rude, [0, 0], jac=lambda x: slope(x).astype(np.float32), method=run)
    np.testing.assert_allclose(found.x, TARGET, atol=1e-5)
    assert isinstance(found.fun, float)


@pytest.mark.parametrize("keyword", [True, False])
def test_callbacks_of_both_kinds(keyword: bool) -> None:
    seen: list[Any] = []

    def with_result(*, intermediate_result: OptimizeResult) -> None:
        seen.append((intermediate_result.x, intermediate_result.fun))
        assert intermediate_result.nit == len(seen)

    def with_x(x: Any) -> None:
        seen.append((x, bowl(x)))

    callback = with_result if keyword else with_x
    run = mx.scipy.method("adam", learning_rate=0.1)
    found = minimize(bowl, [0, 0], jac=slope, method=run, callback=callback)
    assert len(seen) == found.nit
    assert len({tuple(x) for x, _ in seen}) == found.nit, "each x stays as it was"
    assert all(bowl(x) == fun for x, fun in seen)
    assert seen[-1][0].tolist() == found.x.tolist()


@pytest.mark.parametrize("stop", [StopIteration, True, np.True_])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_callback_stops_as_in_scipy(optimizer: str, stop: Any) -> None:
    calls: list[Any] = []

    def callback(x: Any) -> Any:
        calls.append(x)
        if len(calls) < 3:
            return False
        if stop is StopIteration:
            raise stop
        return stop

    found = minimize(rosen, [-1.2, 1], jac=rosen_der, method=mx.scipy.method(optimizer), callback=callback)
    assert (found.nit, found.status, found.success) == (3, 99, False)
    assert found.message == "`callback` raised `StopIteration` or returned `True`."
    assert found.x.tolist() == calls[-1].tolist()
    assert found.fun == rosen(found.x)


def test_a_callback_that_returns_something_else_goes_on() -> None:
    found = minimize(bowl, [0, 0], jac=slope, method=mx.scipy.method("adam"), callback=list, options={"maxiter": 5})
    assert found.nit == 5


def test_what_the_tolerance_means() -> None:
    run = mx.scipy.method("sgd", learning_rate=0.05)
    found = minimize(bowl, [0, 0], jac=slope, method=run)
    assert 1e-6 < abs(found.jac).max() <= 1e-5, "by default 1e-5, as BFGS"
    found = minimize(bowl, [0, 0], jac=slope, method=run, tol=1e-2, options={"gtol": 1e-3})
    assert 1e-4 < abs(found.jac).max() <= 1e-3, "gtol wins"
    found = minimize(bowl, [0, 0], jac=slope, method=run, options={"maxiter": 3})
    assert (found.nit, found.status, found.success, found.message) == (3, 1, False, "all steps were taken")
    found = minimize(bowl, [0, 0], jac=slope, method=run, tol=0, options={"maxiter": np.int64(3)})
    assert (found.nit, found.status, found.success) == (3, 0, True)
    flat = minimize(lambda x: x.sum(), [1.0, 2.0], jac=np.ones_like, method=run, bounds=[(0, 3)] * 2)
    assert (flat.status, flat.x.tolist(), flat.jac.tolist()) == (0, [0, 0], [1, 1])


def test_a_search_that_finds_no_lower_value_is_no_success() -> None:
    wrong = minimize(bowl, [0, 0], jac=lambda x: -slope(x), method=mx.scipy.method("lbfgs"))
    assert (wrong.status, wrong.success, wrong.nit) == (2, False, 0)
    with np.errstate(all="ignore"):
        far = minimize(bowl, [1e200, 0], jac=slope, method=mx.scipy.method("adam"))
    assert (far.status, far.success) == (3, False)


def test_a_summary_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run = mx.scipy.method("sgd", learning_rate=0.5)
    minimize(bowl, [0, 0], jac=slope, method=run)
    assert capsys.readouterr().out == ""
    minimize(bowl, [0, 0], jac=slope, method=run, options={"disp": True})
    assert capsys.readouterr().out.splitlines() == [
        "the gradient is within gtol",
        "         Current function value: 0.000000",
        "         1 iterations, 2 function and 2 gradient evaluations",
    ]


def test_batches_may_change_from_call_to_call() -> None:
    features, labels = classes()
    rng, fun = np.random.default_rng(0), Counted(loss)

    def batch(w: Any) -> Any:
        rows = rng.integers(len(labels), size=20)
        return fun(w, features[rows], labels[rows])

    schedule = mx.lr_scheduler.create("cosine", max_update=2000, base_lr=0.05)
    run = mx.scipy.method("average(adam, beta=0.99)", lr_scheduler=schedule)
    found = minimize(batch, np.zeros(4), jac=True, method=run, tol=0, options={"maxiter": 2000})
    best = minimize(loss, np.zeros(4), args=classes(), jac=True)
    assert (found.nit, found.status) == (2000, 0)
    assert found.nfev == found.njev == fun.calls == 2002, "once more for the averages"
    assert loss(found.x, *classes())[0] < best.fun + 1e-3


def test_a_batch_without_a_gradient_does_not_end_a_run() -> None:
    batches = iter([0.0, 0.0, 1.0, 0.0, 1.0])

    def hinge(x: Any) -> Any:
        active = next(batches)
        return active * x.sum(), active * np.ones(1)

    run = mx.scipy.method("sgd", learning_rate=1.0)
    found = minimize(hinge, [5.0], jac=True, method=run, tol=0, options={"maxiter": 4})
    assert found.x.tolist() == [4.0], "though x was the same as before, the function was called"


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "lookahead(adam, k=3)", "adai"])
def test_a_run_can_be_continued_and_otherwise_starts_anew(optimizer: str) -> None:
    def run(method: Any, x: Any, steps: int) -> Any:
        return minimize(rosen, x, jac=rosen_der, method=method, options={"maxiter": steps})

    method = mx.scipy.method(optimizer, learning_rate=1e-3)
    through = run(method, [-1.2, 1], 10)
    assert run(method, [-1.2, 1], 10).x.tolist() == through.x.tolist()
    assert run(pickle.loads(pickle.dumps(method)), [-1.2, 1], 10).x.tolist() == through.x.tolist()
    first = run(method, [-1.2, 1], 4)
    second = run(mx.scipy.method(first.updater), first.x, 6)
    assert second.x.tolist() == through.x.tolist()
    assert (second.nit, second.updater) == (6, first.updater)
    with pytest.raises(TypeError, match="an updater takes no 'learning_rate': assign it to updater.optimizer"):
        mx.scipy.method(first.updater, learning_rate=0.1)


def test_schedules_start_anew_in_each_run() -> None:
    schedule = mx.lr_scheduler.create("factor", step=10, factor=0.5, base_lr=0.1)
    method = mx.scipy.method("sgd", lr_scheduler=schedule)
    runs = [minimize(bowl, [0, 0], jac=slope, method=method, options={"maxiter": 35}).x.tolist() for _ in range(2)]
    assert runs[0] == runs[1]


def test_other_minimizers_of_scipy_use_it() -> None:
    steps = {"method": mx.scipy.method("lbfgs"), "jac": True}
    found = basinhopping(himmelblau, [-4.0, 4.0], niter=5, minimizer_kwargs=steps)
    assert found.fun < 1e-10


def test_what_is_not_used_is_said() -> None:
    run = mx.scipy.method("adam", learning_rate=0.1)
    with pytest.warns(
        OptimizeWarning, match=r"Unknown solver options: learning_rate, ftol \(arguments of the"
    ) as found:
        minimize(bowl, [0, 0], jac=slope, method=run, options={"learning_rate": 1, "ftol": 1, "maxiter": 1})
    assert found[0].filename == __file__
    with pytest.warns(RuntimeWarning, match=r"does not use Hessian information \(hess\)"):
        minimize(bowl, [0, 0], jac=slope, hess=lambda x: 2 * np.eye(2), method=run)
    with pytest.warns(RuntimeWarning, match=r"does not use Hessian information \(hessp\)"):
        minimize(bowl, [0, 0], jac=slope, hessp=lambda x, p: 2 * p, method=run)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minimize(bowl, [0, 0], jac=slope, method=run, constraints=[], options={"maxiter": None, "disp": False})


@pytest.mark.parametrize(
    ("optimizer", "arguments", "message"),
    [
        ("adam", {"constraints": {"type": "eq", "fun": np.sum}}, "cannot keep constraints: use bounds, or SciPy's"),
        ("adam", {"bounds": [(0, 1)]}, r"bounds must be a pair for each of 2 variables, got \[\(0, 1\)\]"),
        ("adam", {"bounds": [(0, 1), (0,)]}, "bounds must be a pair for each of 2 variables"),
        ("adam", {"bounds": [(0, 1), (2, 1)]}, "a lower bound is greater than the upper bound"),
        ("adam", {"bounds": Bounds([0, 0, 0], 1)}, "shape"),
        ("lbfgs", {"bounds": [(0, 1), (None, 1)]}, "LBFGS cannot keep bounds: it searches along lines"),
        ("average(adam)", {"bounds": Bounds(0, 1)}, "Average cannot keep bounds: its evaluation weights"),
        ("adam", {"fun": lambda x: x}, r"fun must return a number, got an array of shape \(2,\)"),
        ("adam", {"jac": lambda x: np.ones(3)}, r"has shape \(3,\)"),
        ("adam", {"options": {"maxiter": -1}}, "steps must be an integer of at least 0, got -1"),
        ("adam", {"tol": -1}, "gtol must be at least 0, got -1"),
    ],
)
def test_what_is_wrong_is_said(optimizer: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minimize(**{"fun": bowl, "x0": [0.0, 0.0], "jac": slope, "method": mx.scipy.method(optimizer), **arguments})


def test_names_and_arguments_are_checked_at_once() -> None:
    with pytest.raises(TypeError, match="did you mean 'learning_rate'"):
        mx.scipy.method("adam", learning_rat=0.1)
    with pytest.raises(ValueError, match="adam"):
        mx.scipy.method("adamm")
    assert mx.scipy is mxcore_scipy


def test_bounds_that_bound_nothing_are_no_bounds() -> None:
    found = minimize(bowl, [0, 0], jac=slope, method=mx.scipy.method("lbfgs"), bounds=[(None, None)] * 2)
    assert found.status == 0
