"""Every installed optimizer that needs one gradient for each step is a method, and keeps bounds or refuses them."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import mxcore as mx

HESSIAN = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 1.5]])
TARGET, START = np.array([3.0, -1.0, 0.5]), np.array([-1.0, 1.0, 1.0])
REFUSED = {
    "sam": "this optimizer needs two gradients for each step: call first_step and second_step yourself",
    "sophia": "an estimate of the Hessian's diagonal is due .* use estimator='gradient'",
}
WITHOUT_BOUNDS = ["asgd", "average", "lbfgs", "schedulefreeadamw", "schedulefreesgd"]
NOISY = ["sgld"]


def fun(x: Any) -> tuple[float, Any]:
    grad = HESSIAN @ (x - TARGET)
    return (x - TARGET) @ grad / 2, grad


def method_of(name: str) -> Any:
    cls = mx.catalogue.load_record(mx.catalogue.find("optimizer", name))
    if name == "mixed":
        return mx.scipy.method("mixed", patterns=[".*"], optimizers=["adam"], learning_rate=0.05)
    if issubclass(cls, mx.optimizer.Wrapper):
        return mx.scipy.method(f"{name}(adam)", learning_rate=0.05)
    return mx.scipy.method(name, **cls.descent)


NAMES = sorted(record.name for record in mx.catalogue.records("optimizer"))
every_method = pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])


@every_method
def test_it_descends(name: str) -> None:
    method = method_of(name)
    found = [minimize(fun, START, jac=True, method=method, options={"maxiter": 300}) for _ in range(2)]
    assert found[0].fun < fun(START)[0] / 1.5
    assert found[0].fun == fun(found[0].x)[0]
    assert name in NOISY or found[0].x.tolist() == found[1].x.tolist(), "each run starts anew"


@every_method
def test_it_keeps_bounds_or_refuses_them(name: str) -> None:
    lower, upper = np.array([-1, -0.5, -0.2]), np.array([1, 2, 2])

    def inside(x: Any) -> tuple[float, Any]:
        assert ((lower <= x) & (x <= upper)).all()
        return fun(x)

    call = {"jac": True, "method": method_of(name), "bounds": list(zip(lower, upper, strict=True))}
    if name in WITHOUT_BOUNDS:
        with pytest.raises(ValueError, match="cannot keep bounds: .* use another optimizer"):
            minimize(inside, START, **call)
        return
    found = minimize(inside, START, **call, options={"maxiter": 300})
    assert ((lower <= found.x) & (found.x <= upper)).all()
    assert found.fun < fun(START)[0]
    best = minimize(fun, START, **call | {"method": "L-BFGS-B"}, tol=1e-12)
    assert found.status == 1 or found.fun == pytest.approx(best.fun, abs=1e-6)


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_one_that_needs_more_than_a_gradient_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minimize(fun, START, jac=True, method=method_of(name))
    assert name in NAMES


def test_sophia_takes_squared_gradients_instead() -> None:
    method = mx.scipy.method("sophia", estimator="gradient", learning_rate=0.03)
    found = minimize(fun, START, jac=True, method=method, options={"maxiter": 300})
    assert found.fun < fun(START)[0] / 1.5
