"""PennyLane trains circuits with optimizers of mxcore: values, arguments, names, conventions, copies, and errors."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp

import mxcore as mx

Optimizer = mx.pennylane.Optimizer
H = qml.Hamiltonian(
    [1.0, 0.5, 0.5, 0.3], [qml.Z(0) @ qml.Z(1), qml.X(0), qml.X(1), qml.Z(0)]
)  # whose eigenvalues all differ
LOWEST = float(np.linalg.eigvalsh(qml.matrix(H, wire_order=[0, 1]))[0])
FALLING = mx.lr_scheduler.create("linear", total_steps=80, base_lr=0.2, start_factor=1.0, end_factor=0.0)
SHAPE = qml.StronglyEntanglingLayers.shape(2, 2)


@qml.qnode(qml.device("default.qubit", wires=2))
def energy(angles: Any) -> Any:
    qml.StronglyEntanglingLayers(angles, wires=[0, 1])
    return qml.expval(H)


@qml.qnode(qml.device("default.qubit", wires=1))
def rotated(theta: Any, axes: Any, *rest: Any, scale: Any = None) -> Any:
    factor = 1.0 if scale is None else scale["by"][0]
    qml.RX(factor * theta, wires=0)
    qml.Rot(*axes, wires=0)
    for angle in rest:
        qml.RY(angle, wires=0)
    return qml.expval(qml.Z(0))


def start(dtype: Any = np.float64) -> Any:
    return pnp.array(np.random.default_rng(1).uniform(0, 1, SHAPE).astype(dtype), requires_grad=True)


def trained(optimizer: Any, steps: int) -> Any:
    angles = start()
    for _ in range(steps):
        angles = optimizer.step(energy, angles)
    return angles


@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("adam", {"learning_rate": 0.2}),
        ("sgd", {"learning_rate": 0.1, "momentum": 0.8}),
        ("lookahead(adam, k=5)", {"learning_rate": 0.3}),
        ("lion", {"lr_scheduler": FALLING}),
    ],
)
def test_it_finds_the_lowest_eigenvalue(name: str, hyper: dict[str, Any]) -> None:
    assert energy(start()) > LOWEST + 0.5
    assert abs(energy(trained(Optimizer(name, **hyper), 80)) - LOWEST) < 1e-3


@pytest.mark.parametrize(
    ("theirs", "name", "hyper"),
    [
        (qml.GradientDescentOptimizer(0.1), "sgd", {}),
        (qml.MomentumOptimizer(0.1, momentum=0.8), "sgd", {"momentum": 0.8}),
        (qml.AdamOptimizer(0.1), "adam", {"beta2": 0.99}),
        (qml.AdagradOptimizer(0.1), "adagrad", {"eps": 1e-8}),
        (qml.RMSPropOptimizer(0.1), "rmsprop", {}),
    ],
)
def test_it_is_pennylanes_with_these_arguments(theirs: Any, name: str, hyper: dict[str, Any]) -> None:
    ours = Optimizer(name, learning_rate=0.1, **hyper)
    np.testing.assert_allclose(trained(ours, 15), trained(theirs, 15), rtol=0, atol=1e-7)


def test_arguments_of_all_kinds_are_trained_or_left_as_they_are() -> None:
    theta, axes = pnp.array(0.3, requires_grad=True), pnp.array([0.1, 0.2, 0.3], requires_grad=False)
    extra, scale = pnp.array(0.4, dtype=np.float32, requires_grad=True), {"by": [2.0]}
    given = [one.copy() for one in (theta, axes, extra)]
    for one in (theta, axes, extra):
        one.flags.writeable = False
    args, value = Optimizer("sgd", learning_rate=0.5).step_and_cost(rotated, theta, axes, extra, scale=scale)
    assert value == rotated(theta, axes, extra, scale=scale)
    assert (type(args), args[1] is axes) == (list, True)
    slopes = qml.grad(rotated)(theta, axes, extra, scale=scale)
    for new, old, slope in zip((args[0], args[2]), (theta, extra), slopes, strict=True):
        assert isinstance(new, pnp.tensor)
        assert (new.requires_grad, new.dtype, new.shape) == (True, old.dtype, ())
        np.testing.assert_allclose(new, old - 0.5 * slope, rtol=1e-6)
    for one, before in zip((theta, axes, extra), given, strict=True):
        np.testing.assert_array_equal(one, before)
    assert scale == {"by": [2.0]}


def test_a_single_argument_comes_back_as_it_is_and_float32_remains() -> None:
    optimizer, angles = Optimizer("adam", learning_rate=0.1), start(np.float32)
    for _ in range(3):
        angles = optimizer.step(energy, angles)
    assert (angles.shape, angles.dtype, angles.requires_grad) == (SHAPE, np.float32, True)
    assert optimizer.updater.states[0][0].dtype == np.float32
    np.testing.assert_allclose(angles, trained(Optimizer("adam", learning_rate=0.1), 3), atol=1e-5)


def test_nothing_to_train_changes_nothing() -> None:
    fixed = pnp.array(0.3, requires_grad=False)
    with pytest.warns(UserWarning, match="no trainable parameters"):
        args = Optimizer("adam").step(rotated, fixed, [0.1, 0.2, 0.3])
    assert args[0] is fixed


def test_a_gradient_function_takes_the_place_of_autograd() -> None:
    angles = start()
    for wanted in (Optimizer("sgd", learning_rate=0.1), qml.GradientDescentOptimizer(0.1)):
        found, value = wanted.step_and_cost(energy, angles, grad_fn=lambda at: pnp.ones(SHAPE))
        np.testing.assert_allclose(found, angles - 0.1, rtol=1e-12)
        assert value == energy(angles)


def test_an_optimizer_that_needs_the_value_gets_it() -> None:
    optimizer, at = Optimizer("momo", learning_rate=1.0), pnp.array([3.0, -1.0], requires_grad=True)
    for _ in range(400):
        at = optimizer.step(lambda x: pnp.sum(x**2), at)
    assert np.abs(at).max() < 1e-3
    with pytest.raises(ValueError, match="needs its loss"):
        optimizer.step(lambda x: pnp.sum(x**2), at, grad_fn=lambda x: 2 * x)


def test_groups_go_by_the_names_of_arguments() -> None:
    optimizer = Optimizer(
        "sgd", learning_rate=0.1, groups={"axes": {"frozen": True}, "rest.1": {"learning_rate": 0.0}, "rest": {}}
    )
    args = [pnp.array(0.3, requires_grad=True), pnp.array([0.1, 0.2, 0.3], requires_grad=True)]
    args += [pnp.array(0.4, requires_grad=True), pnp.array(0.5, requires_grad=True)]
    new = optimizer.step(rotated, *args)
    moved = [bool(np.any(one != other)) for one, other in zip(new, args, strict=True)]
    assert moved == [True, False, True, False]
    assert optimizer.optimizer.idx2name == {0: "theta", 1: "axes", 2: "rest.0", 3: "rest.1"}


def test_weight_decay_reaches_every_argument() -> None:
    def loss(bias: Any, weight: Any) -> Any:
        return bias * 0.0 + weight * 0.0

    args = [pnp.array(1.0, requires_grad=True), pnp.array(1.0, requires_grad=True)]
    assert Optimizer("sgd", learning_rate=0.5, wd=0.1).step(loss, *args) == [0.95, 0.95]
    assert Optimizer("sgd", learning_rate=0.5, wd=0.1).apply_grad((0.0, 0.0), args) == [0.95, 0.95]
    groups = {"bias": {"wd": 0.0}}
    assert Optimizer("sgd", learning_rate=0.5, wd=0.1, groups=groups).step(loss, *args) == [1.0, 0.95]


def test_the_step_size_is_the_learning_rate() -> None:
    inside = Optimizer("lookahead(sgd, k=5)", learning_rate=0.2)
    inside.stepsize = 0.1
    assert inside.optimizer.optimizer.learning_rate == 0.1
    optimizer = Optimizer("sgd", learning_rate=0.2)
    optimizer.stepsize *= 0.5
    assert (optimizer.stepsize, optimizer.optimizer.learning_rate) == (0.1, 0.1)
    one = pnp.array(1.0, requires_grad=True)
    assert optimizer.apply_grad((1.0,), [one]) == [0.9]
    with pytest.raises(ValueError, match="learning_rate must be"):
        optimizer.stepsize = -1.0
    halving = Optimizer("sgd", lr_scheduler=mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=0.8))
    halving.apply_grad((1.0,), [one])
    halving.apply_grad((1.0,), [one])
    assert halving.stepsize == 0.4


def test_a_reset_forgets_what_was_before() -> None:
    optimizer = Optimizer("adam", learning_rate=0.1)
    first = trained(optimizer, 3)
    assert np.abs(trained(optimizer, 3) - first).max() > 1e-3
    with pytest.raises(ValueError, match="shape"):
        optimizer.step(lambda angles: pnp.sum(angles**2), pnp.ones(3, requires_grad=True))
    optimizer.reset()
    np.testing.assert_array_equal(trained(optimizer, 3), first)
    optimizer.reset()
    optimizer.step(lambda angles: pnp.sum(angles**2), pnp.ones(3, requires_grad=True))


def test_copies_and_files_go_on_to_the_bit(tmp_path: Path) -> None:
    optimizer = Optimizer("lookahead(adam, k=2)", learning_rate=0.1)
    angles = trained(optimizer, 5)
    mx.save_state(tmp_path / "state", optimizer.updater)
    resumed = Optimizer("lookahead(adam, k=2)", learning_rate=0.1)
    mx.load_state(tmp_path / "state", resumed.updater)
    copies = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer)), resumed]
    wanted = optimizer.step(energy, optimizer.step(energy, angles))
    for one in copies:
        np.testing.assert_array_equal(one.step(energy, one.step(energy, angles)), wanted)


def test_averages_are_given_for_evaluation() -> None:
    optimizer, angles, passed = Optimizer("average(sgd)", beta=0.5, learning_rate=0.1), start(), []
    for _ in range(4):
        angles = optimizer.step(energy, angles)
        passed.append(np.array(angles))
    average = passed[0]
    for one in passed[1:]:
        average = 0.5 * average + 0.5 * one
    found = optimizer.evaluation_args(angles)
    assert (found.requires_grad, found.dtype) == (True, np.float64)
    np.testing.assert_allclose(found, average, rtol=1e-12)
    np.testing.assert_array_equal(angles, passed[-1])
    fixed = pnp.array(1.0, requires_grad=False)
    assert optimizer.evaluation_args(angles, fixed)[1] is fixed


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(TypeError, match="no argument 'stepsize' .did you mean 'learning_rate'"):
        Optimizer("adam", stepsize=0.1)
    args = [pnp.array(1.0, requires_grad=True), pnp.array([1.0, 2.0], requires_grad=True)]
    optimizer = Optimizer("sgd", learning_rate=0.5)
    with pytest.raises(ValueError, match="one gradient for each trainable argument, got 1 for 2"):
        optimizer.apply_grad((1.0,), args)
    with pytest.raises(ValueError, match="'1': the gradient has shape .*, but the weight has shape"):
        optimizer.apply_grad((1.0, 1.0), args)
    assert args[0] == 1.0
    assert optimizer.optimizer.num_update == 0
