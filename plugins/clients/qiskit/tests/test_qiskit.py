"""Algorithms of qiskit-algorithms minimize with optimizers of mxcore: eigenvalues, counts, callbacks, and errors."""

import json
import pickle
from typing import Any

import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from qiskit_algorithms import VQE
from qiskit_algorithms.gradients import ReverseEstimatorGradient
from qiskit_algorithms.optimizers import ADAM, GradientDescent, OptimizerResult

import mxcore as mx

Optimizer = mx.qiskit.Optimizer
OPERATOR = SparsePauliOp.from_list([("ZZ", 1.0), ("XI", 0.5), ("IX", 0.5), ("ZI", 0.3)])
LOWEST = float(np.linalg.eigvalsh(OPERATOR.to_matrix())[0])
FALLING = mx.lr_scheduler.create("linear", total_steps=100, base_lr=0.1, start_factor=1.0, end_factor=0.0)
START = np.linspace(0.1, 0.6, 6)
SCALES = np.array([1.0, 3.0, 10.0])


def bowl(x: Any) -> float:
    return float(SCALES @ (x - 1) ** 2)


def slope(x: Any) -> Any:
    return 2 * SCALES * (x - 1)


def vqe(optimizer: Any, gradient: Any = None) -> Any:
    solver = VQE(
        StatevectorEstimator(), real_amplitudes(2, reps=2), optimizer, initial_point=START.copy(), gradient=gradient
    )
    return solver.compute_minimum_eigenvalue(OPERATOR)


@pytest.mark.parametrize("gradient", [None, ReverseEstimatorGradient()], ids=["differences", "gradient"])
@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("adam", {"learning_rate": 0.1}),
        ("lookahead(adam, k=5)", {"learning_rate": 0.2}),
        ("lion", {"lr_scheduler": FALLING}),
        ("schedulefreeadamw", {"learning_rate": 0.2}),
        ("lbfgs", {}),
    ],
)
def test_it_finds_the_lowest_eigenvalue(name: str, hyper: dict[str, Any], gradient: Any) -> None:
    found = vqe(Optimizer(name, maxiter=100, **hyper), gradient)
    assert abs(found.eigenvalue - LOWEST) < 1e-3
    assert found.optimizer_result.nit == 100 or name == "lbfgs"
    assert found.cost_function_evals == found.optimizer_result.nfev


def test_it_is_qiskits_adam_on_the_same_gradients() -> None:
    theirs = ADAM(maxiter=100, tol=0.0, lr=0.05).minimize(bowl, np.zeros(3), slope)
    ours = Optimizer("adam", maxiter=100, tol=0.0, learning_rate=0.05, beta2=0.99).minimize(bowl, np.zeros(3), slope)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=0, atol=1e-12)
    assert ours.fun == pytest.approx(theirs.fun)


@pytest.mark.parametrize("jac", [None, slope])
def test_it_is_qiskits_gradient_descent(jac: Any) -> None:
    theirs = GradientDescent(maxiter=30, learning_rate=0.02).minimize(bowl, np.zeros(3), jac)
    ours = Optimizer("sgd", maxiter=30, learning_rate=0.02).minimize(bowl, np.zeros(3), jac)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=0, atol=1e-12)
    assert (ours.nit, theirs.nit) == (30, 30)
    assert ours.njev == (theirs.njev and theirs.njev + 1)  # as it also has the gradient at the end
    assert ours.nfev == (31 if jac else theirs.nfev + 4)


@pytest.mark.parametrize("grouped", [None, 1, 2, 50])
def test_evaluations_are_counted_also_in_batches(grouped: int | None) -> None:
    calls, points = 0, 0

    def batched(x: Any) -> Any:
        nonlocal calls, points
        rows = np.reshape(x, (-1, 3))
        calls, points = calls + 1, points + len(rows)
        values = (rows - 1) ** 2 @ SCALES
        return values[0] if len(rows) == 1 else values

    optimizer = Optimizer("sgd", maxiter=20, learning_rate=0.02)
    optimizer.set_max_evals_grouped(grouped)
    found = optimizer.minimize(batched, np.zeros(3))
    assert (found.nfev, found.njev, points) == (84, 0, 84)
    assert calls == {None: 84, 1: 84, 2: 63, 50: 42}[grouped]
    np.testing.assert_allclose(found.jac, (bowl_differences(found.x)), rtol=1e-6, atol=1e-9)


def bowl_differences(x: Any) -> Any:
    return np.array([(bowl(x + 0.01 * row) - bowl(x)) / 0.01 for row in np.eye(3)])


def test_the_result_says_what_was_found() -> None:
    x0 = np.zeros(3)
    x0.flags.writeable = False
    found = Optimizer("adam", learning_rate=0.1).minimize(bowl, x0, slope, bounds=[(0, 0.5)] * 3)
    assert isinstance(found, OptimizerResult)
    np.testing.assert_allclose(found.x, 1, atol=1e-6)
    assert (found.fun, found.jac.tolist()) == (bowl(found.x), slope(found.x).tolist())
    assert (found.nfev, found.njev) == (found.nit + 1, found.nit + 1)
    assert found.nit < 1000  # by tol
    assert np.abs(found.jac).max() <= 1e-7


@pytest.mark.parametrize("x0", [[0, 0, 0], np.zeros(3, int), np.zeros(3, np.float32)])
def test_it_begins_where_it_is_told(x0: Any) -> None:
    seen: list[Any] = []

    def kept(x: Any) -> float:
        seen.append(x)
        return bowl(x)

    Optimizer("sgd", maxiter=2, learning_rate=0.02).minimize(kept, x0, slope)
    np.testing.assert_allclose(seen, [[0, 0, 0], [0.04, 0.12, 0.4], [0.0784, 0.2256, 0.64]])


def test_a_callback_gets_counts_parameters_value_and_norm() -> None:
    seen: list[Any] = []
    found = Optimizer(
        "sgd", maxiter=3, learning_rate=0.02, callback=lambda *given: seen.append(given)
    ).minimize(bowl, np.zeros(3), slope)  # fmt: skip
    assert [nfev for nfev, *_ in seen] == [2, 3, 4]
    for _, x, value, norm in seen:
        assert (value, norm) == (bowl(x), np.linalg.norm(slope(x)))
    np.testing.assert_array_equal(seen[-1][1], found.x)
    theirs: list[Any] = []
    GradientDescent(maxiter=3, learning_rate=0.02, callback=lambda *given: theirs.append(given)).minimize(
        bowl, np.zeros(3), slope
    )
    for ours, other in zip(seen, theirs, strict=True):
        np.testing.assert_allclose(ours[1], other[1], atol=1e-15)
        assert ours[2] == pytest.approx(other[2])


def test_a_callback_can_stop() -> None:
    def enough(nfev: int, x: Any, value: float, norm: float) -> None:
        if value < 1.0:
            raise StopIteration

    found = Optimizer("adam", learning_rate=0.1, callback=enough).minimize(bowl, np.zeros(3), slope)
    assert found.fun < 1.0
    assert 1 < found.nit < 50


def test_settings_make_the_same_optimizer_again() -> None:
    optimizer = Optimizer("lookahead", optimizer="adam", k=3, learning_rate=0.1, maxiter=20, tol=1e-5)
    assert json.loads(json.dumps(optimizer.settings)) == {
        "name": "lookahead", "maxiter": 20, "tol": 1e-5, "perturbation": 0.01, "callback": None,
        "optimizer": "adam", "k": 3, "learning_rate": 0.1,
    }  # fmt: skip
    wanted = optimizer.minimize(bowl, np.zeros(3), slope)
    for again in (optimizer, Optimizer(**optimizer.settings), pickle.loads(pickle.dumps(optimizer))):
        found = again.minimize(bowl, np.zeros(3), slope)
        np.testing.assert_array_equal(found.x, wanted.x)
        assert found.nit == wanted.nit == 20


def test_it_says_what_it_supports() -> None:
    optimizer = Optimizer()
    assert optimizer.is_gradient_supported
    assert not optimizer.is_gradient_required
    assert optimizer.is_bounds_ignored
    assert optimizer.is_initial_point_required
    assert "maxiter" in optimizer.settings
    assert "Optimizer" in optimizer.setting


def test_an_optimizer_begins_anew_and_an_updater_goes_on() -> None:
    whole = Optimizer("adam", learning_rate=0.1, maxiter=20).minimize(bowl, np.zeros(3), slope)
    updater = mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1))
    half = Optimizer(updater, maxiter=10)
    found = half.minimize(bowl, half.minimize(bowl, np.zeros(3), slope).x, slope)
    np.testing.assert_array_equal(found.x, whole.x)
    assert updater.optimizer.num_update == 20
    again = Optimizer(mx.optimizer.create("adam", learning_rate=0.1), maxiter=20)
    for _ in range(2):
        np.testing.assert_array_equal(again.minimize(bowl, np.zeros(3), slope).x, whole.x)


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(TypeError, match="no argument 'lr'"):
        Optimizer("adam", lr=0.1)
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    with pytest.raises(TypeError, match="an updater takes no 'wd': assign it to updater.optimizer"):
        Optimizer(updater, wd=0.1)
    with pytest.raises(ValueError, match=r"the gradient has shape \(2,\), but the weight has shape \(3,\)"):
        Optimizer("sgd").minimize(bowl, np.zeros(3), lambda x: np.ones(2))
